// Blocks in 8-bit integers: weights are rounded by the row, and log-probabilities stay near those of float32.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { causalBatch } from "../../src/model/decoder/causal.ts";
import { Int8Weights, quantise } from "../../src/model/decoder/int8.ts";
import { createDecoder } from "../../src/model/decoder/runner.ts";
import { tinyConfig, tinyWeights } from "./tiny.ts";

test("a row is within half a step of its weights, whatever its size", () => {
  const row = fc.array(fc.float({ noNaN: true, min: -100, max: 100 }), {
    minLength: 5,
    maxLength: 5,
  });
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 70 }), (rows) => {
      const weight = Float32Array.from(rows.flat());
      const into = { values: new Int8Array(weight.length), scales: new Float32Array(rows.length) };
      quantise(weight, rows.length, 5, into);
      rows.forEach((values, row) => {
        const step = into.scales[row]!;
        values.forEach((value, i) => {
          const back = into.values[i * rows.length + row]! * step;
          assert.ok(Math.abs(back - value) <= step * 0.5001, `${value} became ${back}`);
        });
      });
    }),
    { examples: [[[[0, 0, 0, 0, -(2 ** -149)]]]] },
  );
});

test("the next candidate's weights lie where the last one's lay", () => {
  const weights = new Int8Weights();
  const first = weights.feedsOf("w", Float32Array.of(1, 2, 3, 4), [2, 2]);
  const again = weights.feedsOf("w", Float32Array.of(4, 3, 2, 1), [2, 2]);
  assert.equal(first, again);
  assert.deepEqual([...first.w!.data], [127, 127, 95, 64]);
});

test("a decoder in 8-bit integers says nearly what it says in float32, biases too", async () => {
  const config = tinyConfig({
    ...{
      architectures: ["Qwen2ForCausalLM"],
      hidden_size: 64,
      intermediate_size: 96,
      head_dim: 16,
    },
  });
  const sequences = [Array.from({ length: 24 }, (_, i) => (i * 7) % 40)];
  const logProbs: Float32Array[] = [];
  for (const int8 of [false, true]) {
    const decoder = await createDecoder(config, { device: "cpu", threads: 1, int8 });
    await decoder.setWeights(tinyWeights(config, 3));
    logProbs.push((await decoder.runBatch(causalBatch(sequences))).result.logProbs);
    await decoder.close();
  }
  const [exact, screened] = logProbs as [Float32Array, Float32Array];
  const errors = exact.map((value, i) => Math.abs(value - screened[i]!));
  assert.ok(Math.max(...errors) > 0);
  const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
  assert.ok(mean < 0.1, `mean error ${mean}`);
});
