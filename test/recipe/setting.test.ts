import assert from "node:assert/strict";
import { test } from "node:test";
import { settingAt, valueAt } from "../../src/recipe/setting.ts";

// values, t, value that mergekit's gradient gives
const GRADIENTS: readonly (readonly [readonly number[], number, number])[] = [
  [[0, 1], 0, 0],
  [[0, 1], 0.1, 0.1],
  [[0, 1], 0.3333333333333333, 0.3333333333333333],
  [[0, 1], 1, 1],
  [[0, 0.5, 0.3, 0.7, 1], 0.1, 0.2],
  [[0, 0.5, 0.3, 0.7, 1], 0.25, 0.5],
  [[0, 0.5, 0.3, 0.7, 1], 0.3333333333333333, 0.43333333333333335],
  [[0, 0.5, 0.3, 0.7, 1], 0.9, 0.88],
  [[0, 0.5, 0.3, 0.7, 1], 1, 1],
  [[2], 0.5, 2],
];

test("a gradient runs in straight lines through its numbers", () => {
  for (const [values, t, expected] of GRADIENTS) {
    assert.ok(Math.abs(valueAt(values, t) - expected) <= 1e-15, `${values} at ${t}`);
  }
});

test("the first entry whose filter is part of the name holds", () => {
  const setting = [{ filter: "mlp", value: [0, 1] }, { filter: "proj", value: 5 }, { value: 7 }];
  assert.equal(settingAt(setting, "model.layers.0.mlp.up_proj.weight", 0.5), 0.5);
  assert.equal(settingAt(setting, "model.layers.0.self_attn.q_proj.weight", 0.5), 5);
  assert.equal(settingAt(setting, "model.norm.weight", 0), 7);
});

test("a star is a filter for every tensor, and no match is undefined", () => {
  assert.equal(settingAt([{ filter: "*", value: 1 }], "model.norm.weight", 0), 1);
  assert.equal(settingAt([{ filter: "mlp", value: 1 }], "model.norm.weight", 0), undefined);
});
