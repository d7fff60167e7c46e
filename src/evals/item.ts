// Questions as data, between task definitions (which make them), the trie (which schedules them) and
// metrics (which score them).

import type { StopRule } from "../model/batch.ts";
import type { Row } from "./datasets/records.ts";
import type { Instruction } from "./ifeval/score.ts";
import type { FilterEntry, MetricEntry } from "./tasks/task-file.ts";

/** How an item is scored when it is not multiple choice with one right choice. */
export type Judgement =
  /** Multiple choice with several right choices. */
  | { readonly kind: "any"; readonly golds: readonly number[] }
  /** The probability of the true choices, of that of all (TruthfulQA's mc2). */
  | { readonly kind: "mass"; readonly truths: readonly number[] }
  /** One continuation: its log-likelihood, and whether greedy decoding gives it. */
  | { readonly kind: "likelihood" }
  /** One text from its start, in windows: log-likelihood over a number of words and bytes. */
  | { readonly kind: "rolling"; readonly words: number; readonly bytes: number }
  /** A generated text, compared with references. */
  | {
      readonly kind: "generation";
      readonly rule: GenerationRule;
      readonly references: readonly string[];
      /** The question's choices, where a filter looks for them. */
      readonly choices?: readonly string[];
      /** IFEval's: what the text is verified by, in place of the references. */
      readonly instructions?: readonly Instruction[];
    };

/** How a task's texts are generated and judged: one object for all of its items. */
export interface GenerationRule {
  /** generation_kwargs of the task file. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly stop: StopRule;
  /** Texts that filters are given; greedy decoding makes them all equal. */
  readonly repeats: number;
  readonly filters: readonly FilterEntry[] | undefined;
  readonly metrics: readonly MetricEntry[] | undefined;
  /** The task file, for errors. */
  readonly file: string;
}

/** One question with its prompt rendered. */
export interface Item {
  /** Leaf task, such as `mmlu_anatomy`. */
  readonly task: string;
  /** Row in the task's evaluated split. */
  readonly docId: number;
  /** SHA-256 of the question's text: what splits and stores are keyed by. */
  readonly hash: string;
  /** Prompt, few-shot examples included; ends without the target delimiter. */
  readonly context: string;
  /** The contexts of the continuations where each has its own (WinoGrande). */
  readonly contexts?: readonly string[];
  /** Each choice as it is appended to the context, delimiter included; none for a generated text. */
  readonly continuations: readonly string[];
  /** Each choice's bare text: its code points are acc_norm's divisor. */
  readonly choices: readonly string[];
  /** Index of the right choice; -1 when it is out of range (never correct) or there are no choices. */
  readonly gold: number;
  /** Absent: the choice at `gold` is right. */
  readonly judgement?: Judgement;
  /** What was read: the data's row, and the target as the task's file gives it. */
  readonly document: Row;
  readonly target: string | number | readonly unknown[];
}

/** What a model says to an item, before any metric: all that has to be computed, and kept. */
export interface Answer {
  /** Σ log p of each continuation, or of each window of a rolling text. */
  readonly logLikelihoods: readonly number[];
  /** Whether greedy decoding gives it, one for each of them. */
  readonly greedy: readonly boolean[];
  /** Generated texts, cut at their stop strings; empty for items without. */
  readonly texts: readonly string[];
}

/** One item's outcome. */
export interface ItemScore {
  readonly task: string;
  readonly docId: number;
  readonly hash: string;
  /** Σ log p of each continuation. */
  readonly logLikelihoods: readonly number[];
  /** 1 or 0: the most likely choice is the right one. mc2: between 0 and 1, the true choices' probability. */
  readonly acc: number;
  /** The same with log-likelihoods divided by the choice's code points. */
  readonly accNorm: number;
  /** log of the gold choice's probability, renormalised over the choices: smooth, at most 0. */
  readonly logprob: number;
  /** The task's other metrics, by name or by `name,filter`. */
  readonly others?: Readonly<Record<string, number>>;
  /** Of a text that was verified in parts: how many they are, which its shares are of. */
  readonly parts?: number;
  /** What rolling log-likelihoods are divided by. */
  readonly size?: { readonly words: number; readonly bytes: number };
  /** Of a program's score without items: what it says of them. */
  readonly summary?: { readonly n: number; readonly stderr: number | null };
}
