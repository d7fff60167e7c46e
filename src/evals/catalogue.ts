// The names a user can ask for: groups (mmlu, mmlu_stem, demo) and their leaf tasks (mmlu_anatomy), made
// from the definitions. Nothing here reads questions.

import { TsmergeError } from "../base/errors.ts";
import { didYouMean } from "../base/suggest.ts";
import type { Definition, Metric } from "./definition.ts";

/** One subject of a benchmark: what is scored by itself. */
export interface Leaf {
  /** Such as `mmlu_anatomy`. */
  readonly task: string;
  /** The subject's bare name, such as `anatomy`. */
  readonly alias: string;
  readonly version: number;
  readonly metrics: readonly Metric[];
  readonly definition: Definition;
  /** Rows of its dev, val and test files. */
  readonly rows: readonly [dev: number, val: number, test: number];
}

/** Leaves that are averaged, every question counting the same. */
export interface Group {
  readonly task: string;
  readonly alias: string;
  readonly version: number;
  readonly metrics: readonly Metric[];
  /** Subgroups; empty when the leaves stand directly below. */
  readonly groups: readonly Group[];
  /** All leaves below, at any depth. */
  readonly leaves: readonly Leaf[];
}

export type Entry =
  | { readonly kind: "group"; readonly group: Group }
  | { readonly kind: "leaf"; readonly leaf: Leaf };

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
export function entryNamed(catalogue: Catalogue, name: string): Entry {
  const entry = catalogue.get(name);
  if (entry !== undefined) return entry;
  const names = [...catalogue.keys()];
  const groups = names.filter((each) => catalogue.get(each)?.kind === "group");
  throw new TsmergeError("usage", `no task is called "${name}"${didYouMean(name, names)}`, {
    hint: `tasks are ${groups.join(", ")} and their subjects, such as ${names.find((each) => catalogue.get(each)?.kind === "leaf")}`,
  });
}
