// The versions that decide what numbers come out, for records and recipe files.

import { readFileSync } from "node:fs";

/** package.json stands two folders above this file, in src as in dist. */
const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");

/** As package.json says, and Node's own. */
export const VERSIONS = {
  tsmerge: (JSON.parse(text) as { version: string }).version, // our own file
  node: process.versions.node,
} as const;
