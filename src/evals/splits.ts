// Which items serve the search, the selection and the report, and which of them a limit keeps. Everything
// is decided by the hash of an item's text, so reruns, other tasks and duplicates all agree.

import { streamKey, uniform } from "../base/counter-rng.ts";
import { TsmergeError } from "../base/errors.ts";
import type { Item } from "./item.ts";

/** The three purposes of items; no item text serves two of them. */
export interface Purposes {
  /** Fitness of candidates. */
  readonly search: readonly Item[];
  /** Choice among the shortlist. */
  readonly selection: readonly Item[];
  /** Touched once, by the winner and the baselines. */
  readonly report: readonly Item[];
  /** Items left out because their text also stands in the report. */
  readonly dropped: readonly Item[];
}

/** Of a benchmark's own val: the part that serves the search. The rest serves the selection. */
const SEARCH_OF_VAL = 0.6;

/** Without own splits: half of the items guide the search, and the report gets enough to show a difference. */
const WITHOUT_OWN_SPLITS = { search: 0.5, selection: 0.2, report: 0.3 };

/**
 * Cuts items by hash: the part whose share of the hash range holds the item's first 52 bits.
 * Sizes follow the fractions only on average; items keep their order.
 * @param fractions part → share; the shares sum to 1
 */
export function splitItems<Part extends string>(
  items: readonly Item[],
  fractions: Readonly<Record<Part, number>>,
): Record<Part, Item[]> {
  const parts = Object.keys(fractions) as Part[]; // keys of a Record<Part, …>
  const total = parts.reduce((sum, part) => sum + fractions[part], 0);
  if (Math.abs(total - 1) > 1e-9) {
    throw new TsmergeError("internal", `the shares of a split sum to ${total} instead of 1`);
  }
  const cut = Object.fromEntries(parts.map((part): [Part, Item[]] => [part, []]));
  const result = cut as Record<Part, Item[]>; // one entry for each part, made on the line above
  for (const item of items) {
    const position = Number.parseInt(item.hash.slice(0, 13), 16) / 2 ** 52;
    let end = 0;
    const part = parts.find((each) => {
      end += fractions[each];
      return position < end;
    });
    result[part ?? parts.at(-1)!].push(item);
  }
  return result;
}

/**
 * Search, selection and report for a benchmark with its own splits: val is cut 60/40 by hash, the report
 * is test. Val items whose text also stands in test are dropped.
 */
export function purposesOfSplits(val: readonly Item[], test: readonly Item[]): Purposes {
  const reported = new Set(test.map((item) => item.hash));
  const free = val.filter((item) => !reported.has(item.hash));
  const dropped = val.filter((item) => reported.has(item.hash));
  const cut = splitItems(free, { search: SEARCH_OF_VAL, selection: 1 - SEARCH_OF_VAL });
  return { ...cut, report: test, dropped };
}

/** Search, selection and report for tasks with one set of items: cut 50/20/30 by hash. */
export function purposesOfOne(items: readonly Item[]): Purposes {
  return { ...splitItems(items, WITHOUT_OWN_SPLITS), dropped: [] };
}

/** Every task by its own rule: with val questions as a benchmark with splits, without as one set. */
export function purposesOf(val: readonly Item[], test: readonly Item[]): Purposes {
  const withVal = new Set(val.map((item) => item.task));
  const own = purposesOfSplits(
    val,
    test.filter((item) => withVal.has(item.task)),
  );
  const one = purposesOfOne(test.filter((item) => !withVal.has(item.task)));
  // a question of one task may stand in another: what is reported is searched by none
  const reported = new Set([...own.report, ...one.report].map((item) => item.hash));
  const selected = new Set([...own.selection, ...one.selection].map((item) => item.hash));
  const isFree = (item: Item): boolean => !reported.has(item.hash);
  const search = [...own.search, ...one.search].filter(isFree);
  return {
    search: search.filter((item) => !selected.has(item.hash)),
    selection: [...own.selection, ...one.selection].filter(isFree),
    report: [...own.report, ...one.report],
    dropped: own.dropped,
  };
}

/**
 * n items in all, seeded and stratified by task: each task in proportion to its size (largest remainder),
 * at least one of each if n allows. Items keep their order; all are returned if there are no more than n.
 */
export function limitStratified(items: readonly Item[], n: number, seed: number): Item[] {
  if (items.length <= n) return [...items];
  const strata = new Map<string, Item[]>();
  for (const item of items) {
    const stratum = strata.get(item.task);
    if (stratum === undefined) strata.set(item.task, [item]);
    else stratum.push(item);
  }
  const lists = [...strata.values()];
  const counts = allocate(
    lists.map((list) => list.length),
    n,
  );
  const kept = new Set(lists.flatMap((list, index) => draw(list, counts[index]!, seed)));
  return items.filter((item) => kept.has(item));
}

/**
 * All items in an order whose every beginning is a stratified sample: each task's items, drawn by seed, are
 * spread evenly over the whole.
 */
export function interleaved(items: readonly Item[], seed: number): Item[] {
  const tasks = new Set(items.map(({ task }) => task));
  const placed = [...tasks].flatMap((task) => {
    const own = items.filter((item) => item.task === task);
    // the shift by a draw keeps equally large tasks from standing in blocks of the same order
    const shift = uniform(streamKey("interleave", seed, task), 0);
    return shuffled(own, seed).map((item, rank) => ({ item, at: (rank + shift) / own.length }));
  });
  return placed.sort((a, b) => a.at - b.at).map(({ item }) => item);
}

/** lm-eval's limit: the first n items of each task; a fraction below 1 is that share of the task, rounded up. */
export function limitFirst(items: readonly Item[], n: number): Item[] {
  const sizes = new Map<string, number>();
  for (const item of items) sizes.set(item.task, (sizes.get(item.task) ?? 0) + 1);
  const taken = new Map<string, number>();
  return items.filter((item) => {
    const already = taken.get(item.task) ?? 0;
    taken.set(item.task, already + 1);
    return already < (n < 1 ? Math.ceil(n * sizes.get(item.task)!) : n);
  });
}

/** Shares of n by largest remainder (Hamilton), then one to each empty stratum from the largest surplus. */
function allocate(sizes: readonly number[], n: number): number[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const quotas = sizes.map((size) => (n * size) / total);
  const counts = quotas.map(Math.floor);
  const byRemainder = quotas
    .map((quota, index) => ({ index, remainder: quota - Math.floor(quota) }))
    .sort((a, b) => b.remainder - a.remainder || a.index - b.index);
  let left = n - counts.reduce((sum, count) => sum + count, 0);
  for (const { index } of byRemainder) {
    if (left === 0) break;
    counts[index]!++;
    left--;
  }
  if (n < sizes.length) return counts;
  for (let empty = counts.indexOf(0); empty >= 0; empty = counts.indexOf(0)) {
    const surplus = counts.map((count, index) => (count > 1 ? count - quotas[index]! : -Infinity));
    counts[surplus.indexOf(Math.max(...surplus))]!--;
    counts[empty] = 1;
  }
  return counts;
}

/** The `count` items with the smallest draws; a larger count keeps all of a smaller one's. */
function draw(items: readonly Item[], count: number, seed: number): Item[] {
  return shuffled(items, seed).slice(0, count);
}

/** Items by ascending draw. */
function shuffled(items: readonly Item[], seed: number): Item[] {
  return items
    .map((item) => ({ item, draw: uniform(streamKey("limit", seed, item.hash, item.docId), 0) }))
    .sort((a, b) => a.draw - b.draw || a.item.docId - b.item.docId)
    .map((drawn) => drawn.item);
}
