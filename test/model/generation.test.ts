// Generated texts are transformers' greedy ones, whatever prompts stand beside each other and however they are
// packed, and end where lm-evaluation-harness ends them. The goldens: generation-golden.json says what made them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { PromptTokens } from "../../src/evals/trie/prompt-groups.ts";
import { schedulePairs } from "../../src/evals/trie/schedule.ts";
import type { StopRule } from "../../src/model/batch.ts";
import { readModelConfig } from "../../src/model/config.ts";
import { createDecoder, type Decoder } from "../../src/model/decoder/runner.ts";
import { loadTokenizer, type Tokenizer } from "../../src/model/tokenizer.ts";
import { DEMO_MODELS } from "../evals/tokenizers.ts";
import { FAMILIES, golden, skipGoldens } from "./forward-goldens.ts";
import { character, characterTokenizer, texts } from "./generated-texts.ts";
import { floatTensors } from "./plain-safetensors.ts";

interface Goldens {
  readonly demo: readonly {
    readonly model: string;
    readonly prompt: string;
    readonly ids: number;
    readonly text: string;
  }[];
  readonly families: readonly {
    readonly family: string;
    readonly prompt: readonly number[];
    readonly tokens: readonly number[];
  }[];
}

const GOLDENS: Goldens = JSON.parse(
  readFileSync(join(import.meta.dirname, "generation-golden.json"), "utf8"),
);
const PLAIN: StopRule = { until: [], maxTokens: 40 };

let decoder: Decoder;
let tokenizer: Tokenizer;
const BASE = join(DEMO_MODELS, "base");

before(async () => {
  decoder = await createDecoder(await readModelConfig(BASE), { device: "cpu", threads: 1 });
  tokenizer = await loadTokenizer(BASE);
});

after(() => decoder.close());

const setModel = (model: string): Promise<void> =>
  decoder.setWeights(floatTensors(join(DEMO_MODELS, model, "model.safetensors")));

const promptOf = (text: string, stop = PLAIN): PromptTokens => ({
  tokens: Int32Array.from(tokenizer.encode(text, { specials: true })),
  stop,
});

for (const model of new Set(GOLDENS.demo.map((each) => each.model))) {
  test(`texts of demo/${model} are transformers'`, async () => {
    await setModel(model);
    const expected = GOLDENS.demo.filter((each) => each.model === model);
    const prompts = expected.map(({ prompt }) => promptOf(prompt));
    assert.deepEqual(
      prompts.map(({ tokens }) => tokens.length),
      expected.map(({ ids }) => ids),
    );
    const found = await texts(decoder, prompts, BASE);
    assert.deepEqual(
      found,
      expected.map(({ text }) => text),
    );
  });
}

for (const family of FAMILIES) {
  test(`tokens of ${family} are transformers'`, { skip: skipGoldens }, async () => {
    const { config: named, weights } = golden(family);
    const config = { ...named, eosTokenIds: [] };
    const own = await createDecoder(config, { device: "cpu", threads: 1 });
    await own.setWeights(weights);
    const expected = GOLDENS.families.filter((each) => each.family === family);
    const stop = { until: [], maxTokens: 24 };
    const prompts = expected.map(({ prompt }) => ({ tokens: Int32Array.from(prompt), stop }));
    const found = await texts(own, prompts, characterTokenizer(config.vocabSize));
    assert.deepEqual(
      found,
      expected.map(({ tokens }) => tokens.map(character).join("")),
    );
    await own.close();
  });
}

test("a text does not depend on packing, nor on what stands beside it", async () => {
  await setModel("base");
  const expected = GOLDENS.demo.filter(({ model }) => model === "base");
  const prompts = expected.map(({ prompt }) => promptOf(prompt));
  const whole = expected.map(({ text }) => text);
  for (const slots of [16, 100, 4096]) {
    assert.deepEqual(await texts(decoder, prompts, BASE, slots), whole, `${slots} slots`);
  }
  for (const index of [0, 3, 4]) {
    assert.deepEqual(await texts(decoder, [prompts[index]!], BASE), [whole[index]]);
  }
  const twice = [...prompts.slice(2, 6), ...prompts.slice(0, 4)];
  const doubled = [...whole.slice(2, 6), ...whole.slice(0, 4)];
  assert.deepEqual(await texts(decoder, twice, BASE), doubled);
});

test("a text ends before its first stop string, in a token or across tokens", async () => {
  await setModel("base");
  const { prompt, text } = GOLDENS.demo[0]!;
  const cut = async (...until: string[]): Promise<string | undefined> =>
    (await texts(decoder, [promptOf(prompt, { until, maxTokens: 40 })], BASE))[0];
  for (const stop of ["ana", "\n\nQues", "tion: W", "Mogadishu\n", " of"]) {
    assert.equal(await cut(stop), text.slice(0, text.indexOf(stop)), JSON.stringify(stop));
  }
  assert.equal(await cut("Somalia", "\n\n"), text.slice(0, text.indexOf("\n\n")));
  assert.equal(await cut("never said"), text);
});

test("an end-of-text token ends a text and is not part of it", async () => {
  await setModel("base");
  const ended = GOLDENS.demo.find(({ model, text }) => model === "base" && text === " 24")!;
  assert.deepEqual(await texts(decoder, [promptOf(ended.prompt)], BASE), [" 24"]);
});

test("a prompt of one token, and prompts that continue each other", async () => {
  await setModel("base");
  const tokens = tokenizer.encode("The", { specials: true });
  const prompts = [1, 2, 3].map((length) => ({
    tokens: Int32Array.from(tokens.slice(0, length)),
    stop: PLAIN,
  }));
  const together = await texts(decoder, prompts, BASE);
  for (const [index, prompt] of prompts.entries()) {
    assert.deepEqual(await texts(decoder, [prompt], BASE), [together[index]]);
  }
  const { text } = GOLDENS.demo.find(({ prompt }) => prompt === "The")!;
  assert.equal(together[2], text);
});

test("generations taken up again give the same texts and compute only what they need", async () => {
  await setModel("base");
  const rules = [PLAIN, { until: ["\n"], maxTokens: 20 }, { until: [], maxTokens: 5 }];
  const prompts = GOLDENS.demo.slice(0, 15).map(({ prompt }, i) => promptOf(prompt, rules[i % 3]));
  const { schedule } = schedulePairs([], 64, prompts);
  assert.ok(schedule.generations.length >= 3);
  const named = { ...schedule, tokenizer: BASE };
  const all = new Map<number, unknown>();
  await decoder.runSchedule(named, { onBatch: (index, result) => void all.set(index, result) });
  const order = [...all.keys()];
  for (const known of [1, order.length - 3, order.length - 1, order.length]) {
    const done = new Set(order.slice(0, known));
    const rest = new Map<number, unknown>();
    await decoder.runSchedule(named, {
      done,
      onBatch: (index, result) => void rest.set(index, result),
    });
    assert.deepEqual(rest, new Map([...all].slice(known)));
  }
});

test("an aborted signal stops inside a generation", async () => {
  await setModel("base");
  const { schedule } = schedulePairs([], 512, [promptOf(GOLDENS.demo[0]!.prompt)]);
  const controller = new AbortController();
  let calls = 0;
  const run = decoder.runSchedule(
    { ...schedule, tokenizer: BASE },
    {
      signal: controller.signal,
      onBatch: () => {},
      beforeCall: () => {
        if (++calls === 10) controller.abort();
      },
    },
  );
  await assert.rejects(run, { code: "interrupted" });
  assert.equal(calls, 10);
});

test("a model that computes NaN generates nothing", async () => {
  const weights = floatTensors(join(BASE, "model.safetensors"));
  const name = "model.layers.1.mlp.down_proj.weight";
  weights.get(name)!.data.fill(Number.NaN);
  await decoder.setWeights(weights);
  await assert.rejects(texts(decoder, [promptOf("The")], BASE), {
    code: "numeric",
    message: /NaN while it generates/,
  });
});
