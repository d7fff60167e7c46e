// Where the golden outputs lie, and the reason to skip when they are not there.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

const goldens = resolve(import.meta.dirname, "../../../shared/goldens");

/** The path of a golden file or folder. */
export function goldenPath(...parts: string[]): string {
  return join(goldens, ...parts);
}

/** Test options that skip, with the reason, when the goldens are absent. */
export const needsGoldens = existsSync(goldens) ? {} : { skip: `no golden outputs at ${goldens}` };
