// Runs webgpu-cases.ts in a process of its own: on the machine's GPU if VK_ICD_FILENAMES names one, else on
// SwiftShader, the software Vulkan device that Debian's chromium-common brings.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const CHROMIUM = "/usr/lib/chromium";
const icd = process.env.VK_ICD_FILENAMES ?? join(CHROMIUM, "vk_swiftshader_icd.json");
const skip = existsSync(icd) ? false : `no Vulkan driver at ${icd}: install chromium-common`;

test("the kernel and device programs keep their promises on WebGPU", { skip }, () => {
  const cases = join(import.meta.dirname, "webgpu-cases.ts");
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env; // the child reports as text
  // Chromium's own Vulkan loader serves where the system has none.
  const LD_LIBRARY_PATH = [process.env.LD_LIBRARY_PATH, CHROMIUM].filter(Boolean).join(":");
  const child = spawnSync(process.execPath, ["--import", "tsx", cases], {
    env: { ...inherited, VK_ICD_FILENAMES: icd, LD_LIBRARY_PATH },
    encoding: "utf8",
  });
  assert.equal(child.status, 0, `signal ${child.signal}\n${child.stdout}\n${child.stderr}`);
});
