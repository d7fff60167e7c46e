// A file of recipes that build on each other, merged twice: the second time only what changed is merged.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { mergeFile } from "../../src/run/merge.ts";

const MODELS = join(import.meta.dirname, "../../evals/demo/models");
const skip = existsSync(join(MODELS, "base")) ? false : `no demo models at ${MODELS}`;
const root = mkdtempSync(join(tmpdir(), "tsmerge-stages-"));
after(() => rmSync(root, { recursive: true, force: true }));

function twoSteps(facts: number, final: number): string {
  return `name: facts
merge_method: linear
models:
  - {model: ${MODELS}/geography, parameters: {weight: ${facts}}}
  - {model: ${MODELS}/spanish, parameters: {weight: 1}}
---
merge_method: slerp
base_model: facts
models: [facts, ${MODELS}/math]
parameters: {t: ${final}}
`;
}

async function merge(text: string, out: string, workDir?: string) {
  const file = join(root, "steps.yml");
  writeFileSync(file, text);
  const notes: string[] = [];
  const { weightsSha256 } = await mergeFile(
    {
      file,
      outDir: join(root, out),
      seed: undefined,
      compat: false,
      shardSize: "5B",
      device: "cpu",
      force: false,
      modelCard: false,
      environment: {},
      ...(workDir === undefined ? {} : { workDir }),
    },
    { onNote: (note) => notes.push(note) },
  );
  return { weightsSha256, notes: notes.join("\n") };
}

test("a stage is merged once, and again when it changes", { skip }, async () => {
  const workDir = join(root, "work");
  const first = await merge(twoSteps(1, 0.5), "first", workDir);
  assert.equal(readdirSync(workDir).length, 1);
  assert.match(readdirSync(workDir)[0]!, /^facts-[0-9a-f]{16}$/);
  assert.doesNotMatch(first.notes, /there already/);
  const again = await merge(twoSteps(1, 0.5), "again", workDir);
  assert.equal(again.weightsSha256, first.weightsSha256);
  assert.match(again.notes, /stage facts is there already/);
  const final = await merge(twoSteps(1, 0.25), "final", workDir);
  assert.match(final.notes, /stage facts is there already/);
  assert.notEqual(final.weightsSha256, first.weightsSha256);
  const changed = await merge(twoSteps(2, 0.5), "changed", workDir);
  assert.doesNotMatch(changed.notes, /there already/);
  assert.equal(readdirSync(workDir).length, 2);
});

test("the result is that of the steps by hand, and stages stand beside it unless told", {
  skip,
}, async () => {
  const whole = await merge(twoSteps(1, 0.5), "whole");
  assert.deepEqual(readdirSync(join(root, "whole.stages")).length, 1);
  const [facts, last] = twoSteps(1, 0.5).split("---\n");
  await merge(facts!.replace("name: facts\n", ""), "by-hand");
  const second = await merge(last!.replaceAll("facts", join(root, "by-hand")), "second");
  assert.equal(second.weightsSha256, whole.weightsSha256);
});
