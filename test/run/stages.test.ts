// A file of recipes that build on each other, merged twice: the second time only what changed is merged.

import assert from "node:assert/strict";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type MergeFileOptions, mergeFile } from "../../src/run/merge/merge.ts";
import { preflight } from "../../src/run/merge/preflight.ts";
import { validateRecipe } from "../../src/run/merge/validate.ts";

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

function optionsOf(text: string, out: string, workDir?: string): MergeFileOptions {
  const file = join(root, "steps.yml");
  writeFileSync(file, text);
  return {
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
  };
}

async function merge(text: string, out: string, workDir?: string) {
  const notes: string[] = [];
  const { weightsSha256 } = await mergeFile(optionsOf(text, out, workDir), {
    onNote: (note) => notes.push(note),
  });
  return { weightsSha256, notes: notes.join("\n") };
}

async function look(text: string, out: string, workDir?: string) {
  const notes: string[] = [];
  const found = await preflight(optionsOf(text, out, workDir), (note) => notes.push(note));
  return { ...found, notes };
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

/** A third step over both, with the tokens of all: it needs the tokenizers of models that do not exist yet. */
const UNION = `
---
merge_method: linear
base_model: second
models:
  - {model: second, parameters: {weight: 1}}
  - {model: facts, parameters: {weight: 1}}
tokenizer_source: union
dtype: float16
`;
const threeSteps = () => `${twoSteps(1, 0.5).replace("---\n", "---\nname: second\n")}${UNION}`;

test("every stage is looked at before any is merged", { skip }, async () => {
  const text = threeSteps();
  const found = await look(text, "looked-at");
  assert.deepEqual(found.problems, []);
  assert.deepEqual(
    found.stages.map(({ name }) => name),
    ["facts", "second"],
  );
  assert.ok(readdirSync(root).every((name) => !name.startsWith("looked-at")));
  const written = [...found.stages, found].map(({ result }) => result?.writtenBytes);
  await merge(text, "looked-at");
  const stages = join(root, "looked-at.stages");
  const folders = [...readdirSync(stages).sort(), "../looked-at"];
  assert.deepEqual(
    folders.map((name) => statSync(join(stages, name, "model.safetensors")).size),
    written,
  );
  const again = await look(text, "looked-at-again", stages);
  assert.deepEqual(again.stages, []);
  assert.equal(again.notes.filter((note) => note.includes("is there already")).length, 2);
});

test("a later stage that cannot be made is told before the first is merged", { skip }, async () => {
  const text = threeSteps().replace("tokenizer_source: union\n", "parameters: {weight: 1}\n");
  const narrow = join(root, "narrow");
  cpSync(join(MODELS, "math"), narrow, { recursive: true });
  const file = join(narrow, "config.json");
  writeFileSync(file, readFileSync(file, "utf8").replace(/("num_hidden_layers": )\d+/, "$13"));
  const unfit = text.replaceAll(`${MODELS}/math`, narrow);
  await assert.rejects(merge(unfit, "unfit"), { message: /^facts gives 4 layers and .*narrow 3/ });
  assert.ok(readdirSync(root).every((name) => !name.startsWith("unfit")));
  const { problems, stages } = await look(unfit, "unfit");
  assert.match(problems[0]!, /^stage second: facts gives 4 layers and .*narrow 3/);
  assert.equal(stages.length, 2);
});

test("validate compiles every recipe of a file", { skip }, async () => {
  const { summary } = await validateRecipe(optionsOf(threeSteps(), "never"));
  assert.equal(
    summary,
    "valid: facts, linear of 2 models into 38 tensors; then second, slerp of 2 models into 38 tensors; then linear of 2 models into 38 tensors",
  );
});
