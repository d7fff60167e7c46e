// The one place that reads process.env. Every other room gets what it needs as an argument.

/** The environment as the rest of the program sees it: a plain copy, taken once. */
export function environment(): Readonly<Record<string, string | undefined>> {
  return { ...process.env };
}

/** Set in the working process by its supervisor, so that it does not supervise itself. */
export const SUPERVISED = "TSMERGE_SUPERVISED";

export function isSupervised(): boolean {
  return process.env[SUPERVISED] === "1";
}

/** True when errors should show their stack: `TSMERGE_DEBUG=1`. */
export function wantsStacks(): boolean {
  return process.env.TSMERGE_DEBUG === "1";
}
