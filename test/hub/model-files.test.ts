// Which files of a repository are a model, and whether a folder that somebody else filled has its weights.

import assert from "node:assert/strict";
import { test } from "node:test";
import { hasWholeWeights, modelFiles } from "../../src/hub/model-files.ts";

const shards = (count: number, ending = "safetensors", stem = "model") =>
  Array.from({ length: count }, (_, i) => `${stem}-0000${i + 1}-of-0000${count}.${ending}`);

test("a model is its configuration, its tokenizer and its weights once, small files first", () => {
  const small = [
    "config.json",
    "tokenizer.json",
    "spiece.model",
    "vocab.txt",
    "chat_template.jinja",
  ];
  const left = ["README.md", "onnx/model.onnx", "original/config.json", "training_args.bin"];
  const index = "model.safetensors.index.json";
  assert.deepEqual(modelFiles([...shards(2), ...left, ...small, index]), [
    ...small,
    index,
    ...shards(2),
  ]);
  const pickled = shards(2, "bin", "pytorch_model");
  const both = [...small, ...pickled, "pytorch_model.bin.index.json", "model.safetensors"];
  assert.deepEqual(modelFiles(both), [...small, "model.safetensors"]);
  assert.deepEqual(modelFiles([...small, ...pickled, "pytorch_model.bin.index.json", index]), [
    ...small,
    "pytorch_model.bin.index.json",
    ...pickled,
  ]);
  assert.deepEqual(modelFiles(["consolidated.safetensors", "model.safetensors"]), [
    "model.safetensors",
  ]);
});

test("weights are whole when every series of shards has all that its names promise", () => {
  assert.ok(hasWholeWeights(["model.safetensors"]) && hasWholeWeights(shards(3)));
  assert.ok(hasWholeWeights([...shards(2), "adapter_model.safetensors"]));
  assert.ok(!hasWholeWeights(["config.json"]) && !hasWholeWeights(shards(3).slice(1)));
  assert.ok(!hasWholeWeights([...shards(2).slice(1), "adapter_model.safetensors"]));
  assert.ok(!hasWholeWeights([...shards(2, "safetensors", "a"), ...shards(2).slice(1)]));
});
