// Folders for runs whose transactions need not reach a disk: in memory where the system offers that. What a
// killed process leaves is there all the same; only a power cut would tell the difference.

import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

const MEMORY = "/dev/shm";

/** A new folder, which goes when the file's tests are done. */
export function quickFolder(): string {
  const folder = mkdtempSync(join(quickPlace(), "tsmerge-run-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Where such folders lie. */
export function quickPlace(): string {
  try {
    accessSync(MEMORY, constants.W_OK);
    return MEMORY;
  } catch {
    return tmpdir();
  }
}
