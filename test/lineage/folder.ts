// A temporary folder that goes when the test does.

import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { quickPlace } from "../run/quick-folder.ts";

export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(quickPlace(), "tsmerge-lineage-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
