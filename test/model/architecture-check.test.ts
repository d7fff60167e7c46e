// A checkpoint against its configuration: what fits, and what each misfit says.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import type { DType } from "../../src/base/dtype.ts";
import type { TensorInfo } from "../../src/checkpoint/checkpoint.ts";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { parseModelConfig, readModelConfig } from "../../src/model/config.ts";
import { isRead, shapeOf, tensorNames } from "../../src/model/family/architecture.ts";
import { checkTensors } from "../../src/model/family/architecture-check.ts";

const shared = resolve(import.meta.dirname, "../../../shared");
const skip = existsSync(join(shared, "goldens/forward")) ? false : "../shared/goldens is absent";

const config = parseModelConfig(
  {
    architectures: ["LlamaForCausalLM"],
    hidden_size: 8,
    intermediate_size: 12,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    vocab_size: 16,
  },
  "config.json",
);

function info(name: string, shape: readonly number[], dtype: DType = "float32"): TensorInfo {
  return { name, dtype, shape, elements: 0, byteLength: 0 };
}

/** The tensors of a model that fits, with changes. */
function tensors(...changes: TensorInfo[]): Map<string, TensorInfo> {
  const read = tensorNames(config.architecture, config.layers).filter((t) => isRead(t, config));
  const fitting = read.map(({ name, shape }) => info(name, shapeOf(shape, config)));
  return new Map([...fitting, ...changes].map((tensor) => [tensor.name, tensor]));
}

test("what fits passes, with rotary tables of old checkpoints", () => {
  checkTensors(config, tensors(), "model");
  checkTensors(config, tensors(info("model.layers.1.self_attn.rotary_emb.inv_freq", [2])), "model");
});

test("what does not fit is named with what was expected", () => {
  const without = tensors();
  without.delete("lm_head.weight");
  const cases: [Map<string, TensorInfo>, string][] = [
    [without, "lm_head.weight is missing"],
    [
      tensors(info("model.norm.weight", [9])),
      "model.norm.weight is [9], and config.json makes it [8]",
    ],
    [tensors(info("model.norm.weight", [8], "int8")), "model.norm.weight is int8"],
    [tensors(info("score.weight", [1])), "score.weight is no weight of LlamaForCausalLM"],
    [
      tensors(...["a", "b", "c", "d", "e"].map((name) => info(name, []))),
      `${["a", "b", "c"].map((n) => `${n} is no weight of LlamaForCausalLM`).join("; ")}; and 2 more`,
    ],
  ];
  for (const [map, message] of cases) {
    assert.throws(() => checkTensors(config, map, "model"), {
      code: "incompatible",
      where: "model",
      message,
    });
  }
});

test("every golden model fits its configuration", { skip }, async () => {
  const folders = [
    "models/demo/base",
    "models/demo/math",
    "goldens/merge/models/base",
    "goldens/merge/models/qwen-alpha",
    ...["llama", "llama-bias", "llama-tied-head-dim", "mistral-window", "qwen2", "qwen3"].map(
      (family) => `goldens/forward/${family}`,
    ),
  ];
  for (const folder of folders) {
    const directory = join(shared, folder);
    const checkpoint = await openCheckpoint(directory);
    checkTensors(await readModelConfig(directory), checkpoint.tensors, directory);
    await checkpoint.close();
  }
});
