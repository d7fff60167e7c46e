// From the scored slots' hidden states to log-probabilities: last norm, vocabulary product and softmax, in a
// session of its own. The product reads the whole matrix for two rows as for sixty, so the rows of several
// batches go together. Rows never depend on each other.

import { Graph } from "../../onnx/graph.ts";
import { createSession, type Feeds, type Session, type SessionOptions } from "../../ort/session.ts";
import { floats, type HostTensor } from "../../ort/tensor.ts";
import type { BatchResult, DecoderBatch } from "../batch.ts";
import type { ModelConfig } from "../config.ts";
import {
  headWeights,
  vocabularyLogits,
  type WeightShapes,
  weightInputs,
} from "./decoder-blocks.ts";

/** Most logits of a product: 128 MiB, 261 rows over 128,256 tokens. */
const MAX_LOGITS = 2 ** 25;

/** What the blocks give for one batch. */
export interface Scored {
  readonly batch: DecoderBatch;
  /** float32 [scored, hidden] */
  readonly hidden: Float32Array;
}

/** Compiles the head of a configuration. `logits` keeps them: for tests. */
export async function createHead(
  config: ModelConfig,
  weights: WeightShapes,
  options: SessionOptions & { readonly logits: boolean },
): Promise<Head> {
  const bytes = headGraph(config, weights, options.logits);
  return new Head(config, await createSession(bytes, options));
}

/**
 * Inputs besides the weights: `hidden` float32 [scored, hidden], `target.rows` int32 [wanted], which indexes it,
 * and `targets` int32 [wanted] = row · vocabulary + token. Outputs, float32 [wanted]: `logProbs`, and `behind`,
 * the target's logit less the row's largest: ArgMax costs a sixth of the head, and is not needed to know a zero.
 *
 * In f32, log p(target) = logit − max + log(max softmax), for the largest probability is 1 / Σ exp(logit − max).
 * WebGPU has no LogSoftmax, and onnxruntime's ReduceLogSumExp was off by 2e-4 over 128,256 tokens where its
 * Softmax was off by 1e-5.
 */
function headGraph(config: ModelConfig, weights: WeightShapes, keepsLogits: boolean): Uint8Array {
  const graph = new Graph("head");
  weightInputs(graph, headWeights(config, weights));
  const hidden = graph.input("hidden", "float32", ["scored", config.hiddenSize]);
  const targets = graph.input("targets", "int32", ["wanted"]);
  const targetRows = graph.input("target.rows", "int32", ["wanted"]);
  const logits = vocabularyLogits({ graph, config, weights }, hidden);
  const last = graph.constant("int64", [1], [-1]);
  const largestOf = (x: string) => graph.node("ReduceMax", [x, last], { keepdims: 0 });
  const atTargets = (perRow: string) => graph.node("Gather", [perRow, targetRows]);
  const largest = largestOf(graph.node("Softmax", [logits], { axis: -1 }));
  const wanted = graph.node("Gather", [graph.node("Reshape", [logits, last]), targets]);
  const behind = graph.node("Sub", [wanted, atTargets(largestOf(logits))]);
  const logProbs = graph.node("Add", [behind, atTargets(graph.node("Log", [largest]))]);
  graph.output("logProbs", logProbs, "float32", ["wanted"]);
  graph.output("behind", behind, "float32", ["wanted"]);
  if (keepsLogits) graph.output("logits", logits, "float32", ["scored", config.vocabSize]);
  return graph.bytes();
}

/** The session and what it computes; owns nothing else. */
export class Head {
  readonly #config: ModelConfig;
  readonly #session: Session;

  /** Use createHead. */
  constructor(config: ModelConfig, session: Session) {
    this.#config = config;
    this.#session = session;
  }

  /**
   * The results of some batches, in their order, and the logits [scored, vocabulary] of all their scored slots
   * where the head keeps them. Batches without targets cost nothing.
   */
  async score(
    weights: Feeds,
    parts: readonly Scored[],
  ): Promise<{ results: BatchResult[]; logits: Float32Array | undefined }> {
    const asked = parts.filter(({ batch }) => batch.targetRow.length > 0);
    const { hidden, targetRow, targetToken } = joined(asked, this.#config.hiddenSize);
    const count = hidden.length / this.#config.hiddenSize;
    const logProbs = new Float32Array(targetRow.length);
    const greedy = new Uint8Array(targetRow.length);
    const logits: Float32Array[] = [];
    const products = Math.ceil((count * this.#config.vocabSize) / MAX_LOGITS);
    for (let product = 0; product < products; product++) {
      // equal shares, so that no product is left with one row, whose last bits would differ
      const from = Math.floor((count * product) / products);
      const to = Math.floor((count * (product + 1)) / products);
      const wanted = [...targetRow.keys()].filter(
        (k) => from <= targetRow[k]! && targetRow[k]! < to,
      );
      const fetched = await this.#session.run({
        ...weights,
        ...this.#feeds(hidden, from, to, wanted, targetRow, targetToken),
      });
      const [values, behind] = [floats(fetched.logProbs), floats(fetched.behind)];
      wanted.forEach((k, index) => {
        logProbs[k] = values[index]!;
        greedy[k] = behind[index] === 0 ? 1 : 0;
      });
      if (fetched.logits !== undefined) logits.push(floats(fetched.logits));
    }
    let start = 0;
    const results = parts.map(({ batch }): BatchResult => {
      const end = start + batch.targetRow.length;
      const result = { logProbs: logProbs.slice(start, end), greedy: greedy.slice(start, end) };
      start = end;
      return result;
    });
    return { results, logits: logits.length === 0 ? undefined : concatenated(logits) };
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  #feeds(
    hidden: Float32Array,
    from: number,
    to: number,
    wanted: readonly number[],
    targetRow: Int32Array,
    targetToken: Int32Array,
  ): Record<string, HostTensor> {
    const { hiddenSize, vocabSize } = this.#config;
    // no tensor is ever empty: without targets one is computed, and not read
    const rows = wanted.length === 0 ? [0] : wanted.map((k) => targetRow[k]! - from);
    const targets = rows.map((row, index) => row * vocabSize + (targetToken[wanted[index]!] ?? 0));
    return {
      hidden: {
        type: "float32",
        shape: [to - from, hiddenSize],
        data: hidden.subarray(from * hiddenSize, to * hiddenSize),
      },
      "target.rows": { type: "int32", shape: [rows.length], data: Int32Array.from(rows) },
      targets: { type: "int32", shape: [rows.length], data: Int32Array.from(targets) },
    };
  }
}

/** Several batches' rows and targets as if they were one batch's. */
function joined(parts: readonly Scored[], width: number) {
  let base = 0;
  const targetRow = parts.flatMap(({ batch, hidden }) => {
    const rows = Array.from(batch.targetRow, (row) => base + row);
    base += hidden.length / width;
    return rows;
  });
  return {
    hidden: concatenated(parts.map(({ hidden }) => hidden)),
    targetRow: Int32Array.from(targetRow),
    targetToken: Int32Array.from(parts.flatMap(({ batch }) => [...batch.targetToken])),
  };
}

function concatenated(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
