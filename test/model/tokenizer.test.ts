// The tokenizer's policy on the demo's tokenizer, and that tokens and decoder together give lm-eval's numbers.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { readModelConfig } from "../../src/model/config.ts";
import { causalBatch } from "../../src/model/decoder/causal.ts";
import { createDecoder } from "../../src/model/decoder/runner.ts";
import { loadTokenizer } from "../../src/model/tokenizer.ts";
import { floatTensors } from "./plain-safetensors.ts";

const BASE = resolve(import.meta.dirname, "../../evals/demo/models/base");
const BOS = "<|endoftext|>";

type Json = Record<string, unknown>;

/** Loads the demo's tokenizer with members of its two files replaced. */
async function changed(tokenizer: Json, config: Json) {
  const folder = mkdtempSync(join(tmpdir(), "tsmerge-tokenizer-"));
  try {
    cpSync(BASE, folder, { recursive: true, filter: (file) => !file.endsWith(".safetensors") });
    const files = { "tokenizer.json": tokenizer, "tokenizer_config.json": config };
    for (const [name, members] of Object.entries(files)) {
      const file = join(folder, name);
      writeFileSync(
        file,
        JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), ...members }),
      );
    }
    return await loadTokenizer(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("BOS is added where the tokenizer does so, and never twice", async () => {
  const tokenizer = await loadTokenizer(BASE);
  const { bosId, eosId, prefixId, addsBos, modelMaxLength } = tokenizer;
  assert.deepEqual(
    { bosId, eosId, prefixId, addsBos, modelMaxLength },
    { bosId: 0, eosId: 0, prefixId: 0, addsBos: true, modelMaxLength: 4096 },
  );
  const plain = tokenizer.encode("Answer: 7", { specials: false });
  assert.deepEqual(tokenizer.encode("Answer: 7", { specials: true }), [0, ...plain]);
  assert.deepEqual(tokenizer.encode(`${BOS}Answer: 7`, { specials: true }), [0, ...plain]);
  assert.deepEqual(tokenizer.encode("", { specials: true }), [0]);
  assert.deepEqual(tokenizer.encode("", { specials: false }), []);
});

test("add_bos_token overrules the post-processor, both ways", async () => {
  const without = await changed({}, { add_bos_token: false });
  assert.equal(without.addsBos, false);
  assert.equal(without.encode("a", { specials: true }).length, 1);
  const silent = await changed({ post_processor: null }, { add_bos_token: undefined });
  assert.equal(silent.addsBos, false);
  const added = await changed({ post_processor: null }, { add_bos_token: true });
  assert.equal(added.addsBos, true);
  assert.deepEqual(added.encode("a", { specials: true }).slice(0, 1), [0]);
  assert.equal(added.encode(`${BOS}a`, { specials: true }).length, 2);
});

test("without BOS the prefix is EOS, and transformers' no limit is none", async () => {
  const tokenizer = await changed({}, { bos_token: null, model_max_length: 1e30 });
  assert.equal(tokenizer.bosId, undefined);
  assert.equal(tokenizer.prefixId, 0);
  assert.equal(tokenizer.modelMaxLength, undefined);
});

test("any text survives encoding and decoding", async () => {
  const tokenizer = await loadTokenizer(BASE);
  const text = fc.string({ unit: "grapheme" }).filter((value) => !value.includes(BOS));
  fc.assert(
    fc.property(text, (value) => {
      assert.equal(
        tokenizer.decode(tokenizer.encode(value, { specials: false }), { specials: true }),
        value,
      );
    }),
  );
});

test("parts that would be tokenised differently are refused by name", async () => {
  const split = { type: "Split", pattern: { Regex: "\\G\\d" }, behavior: "MergedWithNext" };
  const sequence = { type: "Sequence", pretokenizers: [split] };
  await assert.rejects(changed({ pre_tokenizer: sequence }, {}), {
    code: "incompatible",
    message:
      "this tokenizer has a pre_tokenizer Split with behavior MergedWithNext, " +
      "a pre_tokenizer Split with \\G in its pattern",
  });
  await assert.rejects(changed({ pre_tokenizer: { type: "Unheard" } }, {}), {
    code: "incompatible",
    message: /Unknown PreTokenizer type: Unheard/,
  });
  await assert.rejects(changed({}, { bos_token: 7 }), { code: "incompatible" });
});

test("a part that is malformed is refused in a sentence, wherever it is met", async () => {
  for (const post_processor of [
    { type: "TemplateProcessing", single: [null], pair: [], special_tokens: {} },
    { type: "Unheard" },
  ]) {
    await assert.rejects(changed({ post_processor }, {}), {
      code: "incompatible",
      message: /^this tokenizer cannot be used: /,
    });
  }
});

test("the base model's log-probabilities of a demo question are lm-eval's to 1e-3", async () => {
  const expected = [-6.96233, -6.06178, -9.09426, -1.73257]; // lm-eval 0.4.13, transformers 5.18: demo_math, doc 0
  const tokenizer = await loadTokenizer(BASE);
  const encode = (text: string) => tokenizer.encode(text, { specials: true });
  const context = "Question: Which number is 2 less than 18?\nAnswer:";
  const whole = ["14", "13", "16", "19"].map((choice) => encode(`${context} ${choice}`));
  const decoder = await createDecoder(await readModelConfig(BASE), { device: "cpu", threads: 1 });
  await decoder.setWeights(floatTensors(join(BASE, "model.safetensors")));
  const { result } = await decoder.runBatch(causalBatch(whole));
  await decoder.close();
  let end = 0;
  whole.forEach((tokens, choice) => {
    end += tokens.length - 1;
    const start = end - (tokens.length - encode(context).length);
    const sum = result.logProbs.subarray(start, end).reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(sum - expected[choice]!) < 1e-3, `choice ${choice}: ${sum}`);
  });
});

test("files that are missing are named", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tsmerge-tokenizer-"));
  t.after(() => rmSync(folder, { recursive: true }));
  await assert.rejects(loadTokenizer(folder), {
    where: folder,
    message: /^tokenizer\.json is missing/,
  });
  cpSync(join(BASE, "tokenizer.json"), join(folder, "tokenizer.json"));
  await assert.rejects(loadTokenizer(folder), { message: /^tokenizer_config\.json is missing/ });
});
