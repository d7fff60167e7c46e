// lm-eval's flags, word by word: honoured, noted or refused.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type EvalFlags, evalRequest } from "../../src/cli/eval-request.ts";
import { parseModelArgs } from "../../src/cli/model-args.ts";

const flags: EvalFlags = { split: "test", device: "cpu", task: ["demo"] };

test("a model is named once, as the first word or in --model_args", () => {
  const args = ["pretrained=org/name,revision=v2,peft=org/lora,dtype=bfloat16,add_bos_token=False"];
  const request = evalRequest(undefined, { ...flags, model: "hf", modelArgs: args });
  assert.equal(request.reference, "org/name@v2+org/lora");
  assert.equal(request.modelName, "org/lora");
  assert.equal(request.options.dtype, "bfloat16");
  assert.equal(request.options.addsBos, false);
  assert.equal(evalRequest("m", flags).reference, "m");
  assert.throws(() => evalRequest(undefined, flags), /no model is named/);
  assert.throws(() => evalRequest("other", { ...flags, modelArgs: args }), /two models are named/);
  assert.throws(() => evalRequest("m", { ...flags, model: "vllm" }), /vllm is a backend/);
});

test("model arguments are JSON or pairs, and none is dropped", () => {
  const json = parseModelArgs(['{"pretrained": "a", "max_length": 512, "logits_cache": true}']);
  assert.deepEqual([json.reference, json.maxLength], ["a", 512]);
  assert.match(json.notes.join(), /logits_cache is not needed/);
  assert.equal(parseModelArgs(["pretrained=a", "dtype=auto"]).dtype, undefined);
  assert.equal(parseModelArgs(["pretrained=a,load_in_8bit=False"]).reference, "a");
  assert.throws(() => parseModelArgs(["load_in_8bit=True"]), /quantized weights/);
  assert.throws(() => parseModelArgs(["pretraind=a"]), /did you mean "pretrained"/);
  assert.throws(() => parseModelArgs(["dtype=int3"]), /dtype is "int3"/);
  assert.throws(() => parseModelArgs(["max_length=0.5"]), /max_length is 0.5/);
  assert.throws(() => parseModelArgs(["pretrained"]), /has no value/);
  assert.throws(() => parseModelArgs(["{pretrained"]), /is not JSON/);
});

test("of four seeds the first draws items, the last worked examples; one is both", () => {
  const seeds = (seed?: string) => {
    const { options } = evalRequest("m", { ...flags, ...(seed && { seed }) });
    return [options.seed, options.fewshotSeed];
  };
  assert.deepEqual(seeds(), [0, 1234]);
  assert.deepEqual(seeds("42"), [42, 42]);
  assert.deepEqual(seeds("7,None,8,52"), [7, 52]);
  assert.deepEqual(seeds("7,1,8"), [7, 1234]);
  assert.throws(() => seeds("a"), /is no seed/);
  assert.throws(() => seeds("1,2,3,4,5"), /is no seed/);
});

test("a limit says how it differs from lm-eval's", () => {
  const { notes } = evalRequest("m", { ...flags, limit: 100 });
  assert.match(notes.join(), /100 items in all.*--limit-first/);
  assert.deepEqual(evalRequest("m", { ...flags, limitFirst: 100 }).notes, []);
  const samples = '{"demo": [0, 5]}';
  assert.deepEqual(evalRequest("m", { ...flags, samples }).options.samples, { demo: [0, 5] });
  assert.throws(() => evalRequest("m", { ...flags, samples, limit: 1 }), /leave|--samples names/);
  assert.throws(() => evalRequest("m", { ...flags, samples: '{"demo": 3}' }), /no list of indices/);
});

test("generation options are pairs or JSON", () => {
  const kwargs = (...genKwargs: string[]) =>
    evalRequest("m", { ...flags, genKwargs }).options.genKwargs;
  assert.deepEqual(kwargs('temperature=0,until=["\\n", "Q:"],do_sample=False', "max_gen_toks=64"), {
    temperature: 0,
    until: ["\n", "Q:"],
    do_sample: false,
    max_gen_toks: 64,
  });
  assert.deepEqual(kwargs('{"until": []}'), { until: [] });
  assert.throws(() => kwargs("until=[x]"), /no list/);
});

test("what is missing or contradictory says so", () => {
  assert.throws(() => evalRequest("m", { split: "test", device: "cpu" }), /no task is named/);
  assert.throws(() => evalRequest("m", { ...flags, task: ["list"] }), /way to list tasks/);
  assert.throws(() => evalRequest("m", { ...flags, logSamples: true }), /--log_samples needs/);
});

test("a conversation has examples as turns unless told otherwise", () => {
  const chat = (more: Partial<EvalFlags>) => evalRequest("m", { ...flags, ...more }).options.chat;
  assert.equal(chat({}), undefined);
  assert.deepEqual(chat({ applyChatTemplate: true }), { isMultiturn: true });
  assert.deepEqual(chat({ applyChatTemplate: "tool_use", fewshotAsMultiturn: "False" }), {
    isMultiturn: false,
    template: "tool_use",
  });
  assert.equal(chat({ applyChatTemplate: "False" }), false);
  assert.throws(() => chat({ fewshotAsMultiturn: true }), /needs a conversation/);
  assert.throws(() => chat({ applyChatTemplate: true, fewshotAsMultiturn: "x" }), /neither true/);
});
