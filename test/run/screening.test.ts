// Screening in 8-bit integers is offered by measurement only.

import assert from "node:assert/strict";
import { test } from "node:test";
import { checkScreening, refuseUnlessScreened } from "../../src/run/eval/screening.ts";

test("screening is measured on this CPU: it ranks the demo family as float32 does", async (t) => {
  const { tau, speedup, candidates } = await checkScreening();
  t.diagnostic(
    `tau ${tau.toFixed(3)} over ${candidates} models, ${speedup.toFixed(2)} times as fast`,
  );
  assert.equal(candidates, 25);
  assert.ok(tau >= 0.9, String(tau));
});

test("what int8 cannot score is refused before anything is measured", async () => {
  await assert.rejects(refuseUnlessScreened([], "webgpu"), /runs on the CPU, not on webgpu/);
});
