// Filters that mean no tensor at all: slips such as `self_atn`, which would otherwise change nothing in silence.

import { matchesFilter } from "./filter.ts";
import { isConditional, type Parameters, type Recipe } from "./recipe.ts";

/** Those of `filters` that match none of the names, each once. */
export function idleFilters(filters: readonly string[], names: readonly string[]): string[] {
  const isIdle = (filter: string) => !names.some((name) => matchesFilter(filter, name));
  return [...new Set(filters)].filter(isIdle);
}

/** Every filter of a recipe's parameters; `*` stands for all tensors and is none. */
export function filtersIn({ parameters, slices }: Recipe): string[] {
  const blocks: readonly Parameters[] = [
    parameters,
    ...slices.flatMap((slice) => [slice.parameters, ...slice.sources.map((one) => one.parameters)]),
  ];
  return blocks
    .flatMap((block) => Object.values(block))
    .flatMap((setting) => (isConditional(setting) ? setting : []))
    .flatMap(({ filter }) => (filter === undefined || filter === "*" ? [] : [filter]));
}
