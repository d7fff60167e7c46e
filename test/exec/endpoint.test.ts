// Items asked of an OpenAI-compatible endpoint, on a server in this process.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Item } from "../../src/evals/item.ts";
import { endpointAnswer } from "../../src/exec/endpoint.ts";
import { logProbability, startEndpoint } from "./endpoint-server.ts";

const endpoint = await startEndpoint();
after(() => endpoint.server.close());

const item: Item = {
  ...{ task: "quiz", docId: 0, hash: "q", context: "Ärger 😀:", gold: 0, document: {}, target: 0 },
  ...{ continuations: [" ab", " c"], choices: ["ab", "c"] },
};
const options = {
  ...{ url: endpoint.url, model: "the-model", timeoutMs: 5000, retries: 2, pauseMs: 10 },
  signal: new AbortController().signal,
};
const sum = (text: string): number =>
  [...text].reduce((total, each) => total + logProbability(each), 0);

test("choices are scored by the tokens that follow the prompt, counted in code points", async () => {
  const { logLikelihoods, greedy } = await endpointAnswer(item, options);
  assert.deepEqual(logLikelihoods, [sum(" ab"), sum(" c")]);
  assert.deepEqual(greedy, [true, true]);
  assert.deepEqual(endpoint.requests.at(-1)?.prompt, ["Ärger 😀: ab", "Ärger 😀: c"]);
  assert.equal(endpoint.requests.at(-1)?.model, "the-model");
});

test("choices with contexts of their own are asked so", async () => {
  const { logLikelihoods } = await endpointAnswer({ ...item, contexts: ["x", "yy"] }, options);
  assert.deepEqual(endpoint.requests.at(-1)?.prompt, ["x ab", "yy c"]);
  assert.deepEqual(logLikelihoods, [sum(" ab"), sum(" c")]);
});

test("texts are generated up to their stop strings", async () => {
  const rule = {
    ...{ options: {}, stop: { until: ["\n\n", "Question:"], maxTokens: 64 }, repeats: 1 },
    ...{ filters: undefined, metrics: undefined, file: "" },
  };
  const judgement = { kind: "generation", rule, references: ["42."] } as const;
  const { texts } = await endpointAnswer({ ...item, continuations: [], judgement }, options);
  assert.deepEqual(texts, [" 42.\n"]);
  const { prompt, stop, max_tokens } = endpoint.requests.at(-1)!;
  assert.deepEqual([prompt, stop, max_tokens], [["Ärger 😀:"], ["\n\n", "Question:"], 64]);
  const shape = { repetitionPenalty: 1.2 };
  const shaped = { ...rule, options: { repetition_penalty: 1.2 }, stop: { ...rule.stop, shape } };
  const refused = { ...item, continuations: [], judgement: { ...judgement, rule: shaped } };
  await assert.rejects(
    endpointAnswer(refused, options),
    /sets repetition_penalty, which no endpoint/,
  );
});

test("a busy server and a cut connection are asked again, a refusal is not", async () => {
  endpoint.failures.push(503, "cut");
  const before = endpoint.requests.length;
  await endpointAnswer(item, options);
  assert.equal(endpoint.requests.length, before + 1);
  endpoint.failures.push(404);
  await assert.rejects(endpointAnswer(item, options), /answered 404: not now/);
  endpoint.failures.push(500, 500, 500);
  await assert.rejects(endpointAnswer(item, options), /answered 500/);
});

test("a server that does not name the likeliest token scores choices, and no single continuation", async () => {
  endpoint.lacks.add("top_logprobs");
  const { logLikelihoods, greedy } = await endpointAnswer(item, options);
  assert.deepEqual(logLikelihoods, [sum(" ab"), sum(" c")]);
  assert.deepEqual(greedy, [false, false]);
  const single = { ...item, continuations: [" ab"] };
  await assert.rejects(endpointAnswer(single, options), /gives no top_logprobs/);
  endpoint.lacks.clear();
  assert.deepEqual((await endpointAnswer(single, options)).greedy, [true]);
});

test("an answer without a completion is no empty text", async () => {
  const rule = {
    ...{ options: {}, stop: { until: [], maxTokens: 64 }, repeats: 1 },
    ...{ filters: undefined, metrics: undefined, file: "" },
  };
  const judgement = { kind: "generation", rule, references: ["42."] } as const;
  endpoint.lacks.add("choices");
  const asked = endpointAnswer({ ...item, continuations: [], judgement }, options);
  await assert.rejects(asked, /answered without a completion/);
  endpoint.lacks.clear();
});

test("what an endpoint cannot be asked is refused by task", async () => {
  const rolling = { ...item, judgement: { kind: "rolling", words: 1, bytes: 1 } as const };
  await assert.rejects(endpointAnswer(rolling, options), /quiz cannot be asked of an endpoint/);
});
