// The names a user can ask for: groups (mmlu, mmlu_stem, demo) and their leaf tasks (mmlu_anatomy, arc_easy).
// Nothing here reads questions.

import { TsmergeError } from "../base/errors.ts";
import { didYouMean } from "../base/suggest.ts";
import type { Definition, MetricKey } from "./definition.ts";
import type { DocumentTask } from "./document-task.ts";

/** What is scored by itself. */
export type Leaf = SubjectLeaf | FileLeaf;

interface AnyLeaf {
  /** Such as `mmlu_anatomy`. */
  readonly task: string;
  /** The subject's bare name, such as `anatomy`. */
  readonly alias: string;
  readonly version: number | string;
  readonly metrics: readonly MetricKey[];
  /** Rows of its dev, val and test files; a task file does not say them. */
  readonly rows: readonly [dev: number, val: number, test: number];
}

/** One subject of a benchmark. */
export interface SubjectLeaf extends AnyLeaf {
  readonly definition: Definition;
}

/** A task in lm-evaluation-harness's format. */
export interface FileLeaf extends AnyLeaf {
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
  | { readonly kind: "leaf"; readonly leaf: Leaf }
  /** A task file that nobody asked for yet. */
  | { readonly kind: "file"; readonly path: string };

export type Catalogue = ReadonlyMap<string, Entry>;

/** Every name the definitions give. */
export function catalogueOf(definitions: readonly Definition[]): Catalogue {
  const catalogue = new Map<string, Entry>();
  for (const definition of definitions) {
    const group = groupOf(definition);
    for (const each of [group, ...group.groups]) {
      catalogue.set(each.task, { kind: "group", group: each });
    }
    for (const leaf of group.leaves) catalogue.set(leaf.task, { kind: "leaf", leaf });
  }
  return catalogue;
}

function groupOf(definition: Definition): Group {
  const { name, version, metrics } = definition;
  const leavesOf = (subjects: NonNullable<Definition["subjects"]>): Leaf[] =>
    Object.entries(subjects).map(([alias, rows]) => ({
      task: `${name}_${alias}`,
      alias,
      version: version.leaf,
      metrics,
      definition,
      rows,
    }));
  const groups = Object.entries(definition.categories ?? {}).map(
    ([alias, subjects]): Group => ({
      task: `${name}_${alias}`,
      alias,
      version: version.group,
      metrics,
      groups: [],
      leaves: leavesOf(subjects),
    }),
  );
  const leaves =
    definition.subjects === undefined
      ? groups.flatMap((group) => group.leaves)
      : leavesOf(definition.subjects);
  return { task: name, alias: name, version: version.group, metrics, groups, leaves };
}

/**
 * The entry of a name.
 * @throws TsmergeError `usage` with the nearest name and the list of groups
 */
export function entryNamed(
  catalogue: Catalogue,
  name: string,
): Exclude<Entry, { readonly kind: "file" }> {
  const entry = catalogue.get(name);
  if (entry !== undefined && entry.kind !== "file") return entry;
  const names = [...catalogue.keys()];
  const groups = names.filter((each) => catalogue.get(each)?.kind === "group");
  throw new TsmergeError("usage", `no task is called "${name}"${didYouMean(name, names)}`, {
    hint: `tasks are ${groups.join(", ")} and their subjects, such as ${names.find((each) => catalogue.get(each)?.kind === "leaf")}${listedHint(catalogue)}`,
  });
}

/** Names of task files for a hint, the first of many. */
function listedHint(catalogue: Catalogue): string {
  const listed = [...catalogue].flatMap(([name, { kind }]) => (kind === "file" ? [name] : []));
  return listed.length === 0 ? "" : `; and ${listed.slice(0, 20).join(", ")}`;
}

/** The leaves of an entry. */
export function leavesOf(entry: Exclude<Entry, { readonly kind: "file" }>): readonly Leaf[] {
  return entry.kind === "group" ? entry.group.leaves : [entry.leaf];
}
