// An evaluation on the terminal, around its tables: how it was asked, what it cost, and on request prompts and
// task files.

import { markdownTable } from "markdown-table";
import type { AskStatistics } from "../run/eval/answers.ts";
import type { Evaluation } from "../run/eval/evaluate.ts";
import { configOf } from "../run/eval/result-record.ts";

const WEIGHTS = {
  float32: "weights in float32",
  float16: "weights rounded to float16",
  bfloat16: "weights rounded to bfloat16",
  int8: "SCREENED IN INT8: a first look, not the model's score",
} as const;

/** One line: what decided the numbers besides the questions. */
export function headerOf(
  modelName: string,
  { suite, conditions, chatTemplate }: Evaluation,
): string {
  const { dtype, bos, device } = conditions;
  const weights = dtype === "auto" ? "weights as stored" : WEIGHTS[dtype];
  const start = bos.added ? "prompts begin with BOS" : "no BOS before prompts";
  const form = chatTemplate === undefined ? "plain text" : "conversations";
  return `${modelName}, ${suite.split} questions as ${form}, ${weights}, ${start}, ${device}`;
}

/** Tokens computed against what one pass a question would compute, and times. */
export function renderStatistics(statistics: AskStatistics): string {
  const { requests, known, cost, batches, resumed } = statistics;
  const ratio = cost.nodes === 0 ? "" : `, ${(cost.naiveTokens / cost.nodes).toFixed(1)}× fewer`;
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const rows = [
    ["different requests", `${requests}, of which ${known} were known`],
    ["tokens, one pass a sequence", String(cost.naiveTokens)],
    ["tokens computed, each prefix once", `${cost.nodes}${ratio}`],
    ["padding", String(cost.paddingSlots)],
    ["(query, key) pairs computed", `${cost.computedPairs} (${cost.neededPairs} needed)`],
    ["batches", `${batches}, of which ${resumed} were known`],
    ["prompts to batches", seconds(statistics.scheduleMs)],
    ["weights to the decoder, meanwhile", seconds(statistics.loadMs)],
    ["decoder", seconds(statistics.scoreMs)],
  ];
  return markdownTable([["cost", "value"], ...rows], { align: ["l", "r"] });
}

/** The first item of each task as it is asked: prompt, then every continuation. */
export function renderFirstPrompts({ suite, items }: Evaluation): string {
  const shown = suite.leaves.flatMap(({ task }) => {
    const item = items.find((each) => each.task === task);
    if (item === undefined) return [];
    const prompt = (item.contexts ?? [item.context]).join("\n---\n");
    const continuations = item.continuations.map((text) => JSON.stringify(text)).join(" | ");
    return [`=== ${task}, question ${item.docId}\n${prompt}\n=== continued by ${continuations}`];
  });
  return shown.join("\n\n");
}

export function renderConfigs({ suite }: Evaluation): string {
  const configs = suite.leaves.map((leaf) => [leaf.task, configOf(leaf)]);
  return JSON.stringify(Object.fromEntries(configs), null, 2);
}
