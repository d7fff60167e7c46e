// Candidates merged in a GPU's memory: the cases of device-candidate-cases.ts, in a process of their own.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { skipWebGpu, swiftshaderEnvironment } from "../ort/swiftshader.ts";

test("candidates merged on WebGPU are the host's and score the same", { skip: skipWebGpu }, (t) => {
  const cases = join(import.meta.dirname, "device-candidate-cases.ts");
  // Without this variable the child's tests report as text, which is the message of a failure here.
  const { NODE_TEST_CONTEXT: _, ...env } = swiftshaderEnvironment;
  const child = spawnSync(process.execPath, ["--import", "tsx", cases], { env, encoding: "utf8" });
  assert.equal(child.status, 0, `signal ${child.signal}\n${child.stdout}\n${child.stderr}`);
  for (const [, figure] of child.stdout.matchAll(/^# figure: (.*)$/gm)) t.diagnostic(figure!);
});
