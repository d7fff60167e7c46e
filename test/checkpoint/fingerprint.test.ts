// A model's fingerprint follows its content, and nothing else.

import assert from "node:assert/strict";
import { utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fingerprint } from "../../src/checkpoint/fingerprint.ts";
import { folderWith, safetensors, temporaryFolder, vector } from "./folders.ts";

test("equal folders have equal fingerprints, whatever else is in them", async (t) => {
  const weights = safetensors(vector("a"));
  const one = folderWith(t, { "model.safetensors": weights });
  const two = folderWith(t, { "model.safetensors": weights, "README.md": "hello" });
  assert.match(await fingerprint(one), /^[0-9a-f]{64}$/);
  assert.equal(await fingerprint(one), await fingerprint(two));
});

test("a change of weights or configuration changes it", async (t) => {
  const folder = folderWith(t, { "model.safetensors": safetensors(vector("a")) });
  const seen = new Set([await fingerprint(folder)]);
  writeFileSync(join(folder, "config.json"), '{"a": 1}');
  seen.add(await fingerprint(folder));
  writeFileSync(join(folder, "model.safetensors"), safetensors(vector("b")));
  utimesSync(join(folder, "model.safetensors"), 1, 1); // a coarse clock could give both writes one time
  seen.add(await fingerprint(folder));
  assert.equal(seen.size, 3);
});

test("a folder without weights has none", async (t) => {
  await assert.rejects(fingerprint(temporaryFolder(t)), { message: "config.json is missing" });
});
