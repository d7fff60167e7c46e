// What a name that a user asks for stands for: a leaf task (mmlu_anatomy, arc_easy) or a group of them (mmlu,
// mmlu_stem, demo). Data only: task-names.ts makes it, and nothing here reads questions.

import type { MetricKey } from "../metrics.ts";
import type { DocumentTask } from "./document-task.ts";

/** What is scored by itself. */
export interface Leaf {
  /** Such as `mmlu_anatomy`. */
  readonly task: string;
  /** Under its group, such as `anatomy`. */
  readonly alias: string;
  readonly version: number | string;
  readonly metrics: readonly MetricKey[];
  readonly documents: DocumentTask;
  /** Keys of its file that mean nothing here. */
  readonly warnings: readonly string[];
}

/** Leaves that are averaged, every question counting the same unless said otherwise. */
export interface Group {
  readonly task: string;
  readonly alias: string;
  readonly version: number | string;
  /** What is averaged; nothing in a group that only lists tasks. */
  readonly metrics: readonly MetricKey[];
  /** Metrics of which every leaf counts the same, whatever its size. */
  readonly unweighted?: readonly MetricKey[];
  /** Subgroups directly below; other leaves stand directly below too. */
  readonly groups: readonly Group[];
  /** All leaves below, at any depth. */
  readonly leaves: readonly Leaf[];
}

export type Entry =
  | { readonly kind: "group"; readonly group: Group }
  | { readonly kind: "task"; readonly leaf: Leaf };

/** The leaves of an entry. */
export function leavesOf(entry: Entry): readonly Leaf[] {
  return entry.kind === "group" ? entry.group.leaves : [entry.leaf];
}
