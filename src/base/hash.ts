// Content addresses: SHA-256 over bytes, strings and canonical JSON.

import { createHash } from "node:crypto";

/** Lower-case hexadecimal SHA-256 of bytes, or of a string's UTF-8 form. */
export function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** JSON with object keys sorted at every level and undefined members left out, so equal values have equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    member !== null && typeof member === "object" && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : member,
  );
}

/** SHA-256 of a value's canonical JSON: the identity of a recipe, a task set, a run. */
export function contentHash(value: unknown): string {
  return sha256(canonicalJson(value));
}
