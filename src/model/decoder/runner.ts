// The decoder at work: one session, weights exchanged between candidates, batches run in their fixed order.
// Blocks its thread while it computes; it yields, and can be cancelled, between batches.

import { TsmergeError } from "../../base/errors.ts";
import { createSession, type Device, type Session } from "../../ort/session.ts";
import { floats, integers } from "../../ort/tensor.ts";
import {
  type BatchResult,
  type DecoderBatch,
  type GenerationBatch,
  promptTokens,
  type Schedule,
} from "../batch.ts";
import type { ModelConfig } from "../config.ts";
import { batchFeeds, checkBatch } from "./batch-feeds.ts";
import { type WeightShapes, weightShapes } from "./decoder-blocks.ts";
import { decoderGraph, layerState } from "./decoder-graph.ts";
import { generate, type Step, type StepOutput } from "./generate.ts";
import { createHead, type Head, type Scored } from "./head.ts";
import { nextTokenUnder } from "./next-token.ts";
import { emptyPast, neededBatches, type Past, PastStore, type State } from "./past.ts";
import type { RowCache } from "./row-cache.ts";
import { StandingFeeds, type Weight } from "./standing-feeds.ts";
import { stepGraph, stepState } from "./step-graph.ts";
import { type Ending, loadEnding, TextEnd } from "./text-end.ts";

export interface DecoderOptions {
  readonly device: Device;
  /** Threads of the session; undefined takes one a core. */
  readonly threads?: number;
  /** Also computes logits at the scored slots: for tests. */
  readonly logits?: boolean;
  /** Blocks' products in 8-bit integers: faster on some CPUs, and not the model's own scores. */
  readonly int8?: boolean;
  /** Makes an operator that the device lacks an error. */
  readonly refuseCpuFallback?: boolean;
}

export interface ScheduleOptions {
  /** Results that are known: not computed again, unless a later batch continues from them. */
  readonly done?: ReadonlySet<number>;
  /** Called for each result that is not in `done`, as it comes, before anything else is computed. */
  readonly onBatch: (batch: number, result: BatchResult) => void | Promise<void>;
  readonly signal?: AbortSignal;
  /** Called before each decoder call, of which a generation has hundreds: may abort the signal. */
  readonly beforeCall?: () => void;
}

/** What one batch yields: its result, its own keys and values if asked for, and logits if the decoder has them. */
export interface BatchOutput {
  readonly result: BatchResult;
  readonly state: State | undefined;
  /** [scored, vocabulary] */
  readonly logits: Float32Array | undefined;
}

/** Compiles the decoder of a configuration. Weights follow by setWeights. */
export async function createDecoder(
  config: ModelConfig,
  options: DecoderOptions,
): Promise<Decoder> {
  const { device, int8 = false, logits = false } = options;
  const weights = weightShapes(config);
  const blocks = await createSession(decoderGraph(config, weights, { device, int8 }), options);
  const head = await createHead(config, weights, { ...options, logits }).catch(async (error) => {
    await blocks.close();
    throw error;
  });
  return new Decoder(config, weights, {
    ...{ blocks, head },
    feeds: new StandingFeeds(config, weights, { device: blocks.device, int8 }),
    openStep: () => createSession(stepGraph(config), options),
  });
}

interface Parts {
  readonly blocks: Session;
  readonly head: Head;
  readonly feeds: StandingFeeds;
  /** Texts need another graph, which is compiled at the first generation. */
  readonly openStep: () => Promise<Session>;
}

export class Decoder {
  readonly config: ModelConfig;
  /** The weights setWeights needs, with their shapes. */
  readonly weights: WeightShapes;
  readonly #parts: Parts;
  readonly #width: number;
  #stepSession: Promise<Session> | undefined;
  readonly #endings = new Map<string, Promise<Ending>>();

  /** Use createDecoder. */
  constructor(config: ModelConfig, weights: WeightShapes, parts: Parts) {
    this.config = config;
    this.weights = weights;
    this.#parts = parts;
    this.#width = config.keyValueHeads * config.headDim;
  }

  /**
   * Exchanges the weights; on the CPU they are read in place until the next call, so leave them unchanged
   * while a schedule runs. Entries that the model does not read (a tied head) may be there and are not used.
   * @throws TsmergeError `incompatible` for a weight that is missing or has another shape
   */
  async setWeights(weights: ReadonlyMap<string, Weight>): Promise<void> {
    await this.#parts.feeds.setWeights(weights);
  }

  /**
   * Runs the batches and generations of a schedule that are not done, in order.
   * @throws TsmergeError `interrupted` when the signal is aborted before a decoder call
   */
  async runSchedule(schedule: Schedule, options: ScheduleOptions): Promise<void> {
    const { done = new Set(), onBatch } = options;
    const needed = neededBatches(schedule, done);
    const store = new PastStore(schedule, this.config.layers, this.#width);
    const generateAfter = async (last: number): Promise<void> => {
      for (const [number, generation] of schedule.generations.entries()) {
        const index = schedule.batches.length + number;
        if (generation.after !== last || done.has(index)) continue;
        const result = await this.#generate(generation, schedule, store, options);
        await onBatch(index, result);
      }
    };
    const groupEnds = new Set(schedule.groupEnds);
    let group = new Map<number, Scored>();
    await generateAfter(-1);
    for (const [index, batch] of schedule.batches.entries()) {
      if (needed.has(index)) {
        stopIfAborted(options, `before batch ${index} of ${schedule.batches.length}`);
        const { hidden, state } = await this.#runBlocks(batch, store.past(batch.anchor));
        if (state !== undefined) store.keep(index, state);
        group.set(index, { batch, hidden });
      }
      if (groupEnds.has(index + 1)) {
        await this.#report(group, done, onBatch);
        group = new Map();
      }
      await generateAfter(index);
      store.freeAfter(index);
    }
  }

  /** Scores the batches of a group together and tells of those that were not known. */
  async #report(
    group: ReadonlyMap<number, Scored>,
    done: ReadonlySet<number>,
    onBatch: ScheduleOptions["onBatch"],
  ): Promise<void> {
    if ([...group.keys()].every((index) => done.has(index))) return;
    const { results } = await this.#parts.head.score(this.#parts.feeds.weights(), [
      ...group.values(),
    ]);
    for (const [place, index] of [...group.keys()].entries()) {
      if (!done.has(index)) await onBatch(index, results[place]!);
    }
  }

  /** Runs one batch alone. `past` is what its rows continue; none by default. */
  async runBatch(
    batch: DecoderBatch,
    past: Past = emptyPast(this.config.layers, this.#width),
  ): Promise<BatchOutput> {
    const { hidden, state } = await this.#runBlocks(batch, past);
    const { results, logits } = await this.#parts.head.score(this.#parts.feeds.weights(), [
      { batch, hidden },
    ]);
    return { result: results[0]!, state, logits };
  }

  async #runBlocks(
    batch: DecoderBatch,
    past: Past,
  ): Promise<{ hidden: Float32Array; state: State | undefined }> {
    checkBatch(batch, this.config.vocabSize);
    const standing = await this.#parts.feeds.reaching(batch.positions);
    const states = Array.from({ length: this.config.layers }, (_, layer) => layerState(layer));
    const kept = batch.keepsState ? states.flatMap(({ keys, values }) => [keys, values]) : [];
    const feeds = { ...standing, ...batchFeeds(this.config, batch, past) };
    const fetched = await this.#parts.blocks.run(feeds, ["scored", ...kept]);
    const state = batch.keepsState
      ? {
          keys: states.map(({ keys }) => floats(fetched[keys])),
          values: states.map(({ values }) => floats(fetched[values])),
        }
      : undefined;
    return { hidden: floats(fetched.scored), state };
  }

  async #generate(
    generation: GenerationBatch,
    schedule: Schedule,
    store: PastStore,
    options: ScheduleOptions,
  ): Promise<BatchResult> {
    const { tokenizer } = schedule;
    if (tokenizer === undefined) {
      throw new TsmergeError("internal", "a schedule generates text without naming a tokenizer");
    }
    const loading = this.#endings.get(tokenizer) ?? loadEnding(tokenizer, this.config.eosTokenIds);
    this.#endings.set(tokenizer, loading);
    const ending = await loading;
    const { stop, shared, prompts } = generation;
    const end = new TextEnd(ending, stop);
    const next = nextTokenUnder({ ...ending.shape, ...stop.shape }, ending.configured);
    const choice = next && {
      next,
      prompts: prompts.map((prompt) => promptTokens(schedule, shared, prompt)),
    };
    const cache = store.rows(generation, this.config);
    const step: Step = (tokens, positions) =>
      this.#step(tokens, positions, cache, choice !== undefined);
    const generated = await generate(generation, cache, end, step, choice, () =>
      stopIfAborted(options, "while it generated text"),
    );
    return {
      logProbs: new Float32Array(0),
      greedy: new Uint8Array(0),
      texts: generated.map((tokens) => end.textOf(tokens)),
    };
  }

  async #step(
    tokens: Int32Array,
    positions: Int32Array,
    cache: RowCache,
    wantsLogits: boolean,
  ): Promise<StepOutput> {
    const standing = await this.#parts.feeds.reaching(positions);
    this.#stepSession ??= this.#parts.openStep();
    const session = await this.#stepSession;
    const states = Array.from({ length: this.config.layers }, (_, layer) => stepState(layer));
    const shape = [tokens.length, 1];
    const fetched = await session.run(
      {
        ...standing,
        ...cache.feeds(),
        tokens: { type: "int32", shape, data: tokens },
        positions: { type: "int32", shape, data: positions },
      },
      [
        ...["best", ...(wantsLogits ? ["logits"] : [])],
        ...states.flatMap(({ keys, values }) => [keys, values]),
      ],
    );
    const values = states.map(({ values }) => floats(fetched[values]));
    refuseNaN(values.at(-1)!);
    return {
      best: Int32Array.from(integers(fetched.best), Number),
      logits: wantsLogits ? floats(fetched.logits) : undefined,
      state: { keys: states.map(({ keys }) => floats(fetched[keys])), values },
    };
  }

  /** Frees the sessions and what was uploaded for them. */
  async close(): Promise<void> {
    await this.#parts.feeds.close();
    const step = await this.#stepSession?.catch(() => undefined); // whoever asked for it was told
    await step?.close();
    await this.#parts.head.close();
    await this.#parts.blocks.close();
  }
}

/** @param at what was about to be done */
function stopIfAborted({ signal, beforeCall }: ScheduleOptions, at: string): void {
  beforeCall?.();
  if (!signal?.aborted) return;
  throw new TsmergeError("interrupted", `scoring was cancelled ${at}`);
}

/** What is no number in one layer is none in the last; the most probable of no numbers is a token like any other. */
function refuseNaN(lastValues: Float32Array): void {
  if (!lastValues.some(Number.isNaN)) return;
  throw new TsmergeError("numeric", "the model computes NaN while it generates text", {
    hint: "narrow the ranges of weight, lambda or density: these weights overflow",
  });
}
