// How a point of a search space is a recipe: which method merges which models, and every searched parameter
// as the settings of sources, slices and the recipe.

import { type MergeMethod, type ParameterSpec, setsBaseApart } from "../../merge/method.ts";
import { methodNamed } from "../../merge/methods/registry.ts";
import type { Conditional, Parameters, Recipe, Setting, Slice, Value } from "../recipe.ts";
import { type Gene, geneValue } from "./gene.ts";
import { baseOf, defaultOf, donorOf, type Genome, searchableParameters } from "./genome.ts";
import type { LayerGroup } from "./layer-groups.ts";
import { weightsOf } from "./shares.ts";
import { groupFor, METHOD_KEY, memberKey, placeKey, type ReadSlot, SHARE } from "./slots.ts";

/** One candidate's choices, before its parameters. */
interface Draft {
  readonly genome: Genome;
  readonly method: MergeMethod;
  /** Indices of the models that take part. */
  readonly members: readonly number[];
  readonly base: string | undefined;
  readonly read: ReadSlot;
}

/** The recipe of a genome's numbers. Genes that the chosen method or subset has no use for change nothing. */
export function decode(genome: Genome, groups: readonly LayerGroup[], read: ReadSlot): Recipe {
  const method = methodNamed(genome.methods[read(METHOD_KEY) ?? 0]!);
  const members = membersOf(genome, method, read);
  const models = members.map((index) => genome.models[index]!);
  const base = baseOf(genome, method, models);
  const draft = { genome, method, members, base, read };
  const isSteps = groups.length > 1 && !genome.smooth;
  const everyGroup = groups.map((_, group) => group);
  const slices: Slice[] = isSteps
    ? groups.map(({ first, end }, group) => ({
        sources: sourcesOf(draft, [group], [first, end]),
        parameters: searchedOf(draft, "global", undefined, [group]),
      }))
    : [{ sources: sourcesOf(draft, everyGroup), parameters: {} }];
  const source = tokenizerSourceOf(genome, base ?? models[0]!); // some model takes part
  return {
    method: method.name,
    ...(base === undefined ? {} : { base }),
    slices,
    parameters: {
      ...fixedOf(draft, "global"),
      ...(isSteps ? {} : searchedOf(draft, "global", undefined, everyGroup)),
    },
    dtype: genome.dtype,
    ...(source === undefined ? {} : { tokenizer: { source, tokens: [] } }),
  };
}

/** As a recipe writes it; the search's donor by name where `base` would mean another model. */
function tokenizerSourceOf(genome: Genome, donor: string): string | undefined {
  const isOther = genome.tokenizerSource === "base" && donor !== donorOf(genome);
  return isOther ? donorOf(genome) : genome.tokenizerSource;
}

/**
 * The models that take part: those whose gene says so, and as many more or fewer as the method and the file
 * need, the first of the list first. A base that stands in the list takes part always.
 */
function membersOf(
  { models, subset, base }: Genome,
  method: MergeMethod,
  read: ReadSlot,
): number[] {
  const all = models.map((_, index) => index);
  if (subset === undefined) return all;
  const isBase = (index: number) => models[index] === base;
  const asked = (index: number) => isBase(index) || read(memberKey(index)) === 1;
  const least = Math.max(subset.min, method.minModels);
  const most = Math.min(subset.max, method.maxModels);
  const wanted = [...all.filter(isBase), ...all.filter((index) => asked(index) && !isBase(index))];
  const others = all.filter((index) => !asked(index));
  const chosen = [...wanted, ...others].slice(0, Math.min(most, Math.max(least, wanted.length)));
  return chosen.sort((a, b) => a - b);
}

function sourcesOf(
  draft: Draft,
  groups: readonly number[],
  layerRange?: readonly [number, number],
): Slice["sources"] {
  const { genome, method, members, base } = draft;
  const range = layerRange === undefined ? {} : { layerRange };
  const sources = members.map((index) => ({
    model: genome.models[index]!,
    ...range,
    parameters: { ...fixedOf(draft, "model"), ...searchedOf(draft, "model", index, groups) },
  }));
  // mergekit appends an unlisted base to `models:` only, so slices list it
  const listsBase = layerRange !== undefined && setsBaseApart(method) && base !== undefined;
  return listsBase ? [...sources, { model: base, ...range, parameters: {} }] : sources;
}

/** What the file fixes, and normalize, which always stands there. */
function fixedOf({ genome, method }: Draft, scope: ParameterSpec["scope"]): Parameters {
  return Object.fromEntries(
    searchableParameters(method).flatMap((spec): [string, Setting][] => {
      if (spec.scope !== scope) return [];
      const byDefault = spec.name === "normalize" ? defaultOf(method, spec) : undefined;
      const value = genome.parameters[spec.name] ?? byDefault;
      return typeof value === "number" ? [[spec.name, value]] : [];
    }),
  );
}

/** The searched parameters of a scope as settings: one group gives numbers, several a gradient. */
function searchedOf(
  draft: Draft,
  scope: ParameterSpec["scope"],
  model: number | undefined,
  groups: readonly number[],
): Parameters {
  const { genome, method } = draft;
  const settings: Record<string, Setting> = {};
  for (const { name, scope: own } of searchableParameters(method)) {
    const isShare = name === "weight" && genome.shares === true;
    const gene = genome.parameters[name];
    if (own !== scope || !(isShare || typeof gene === "object")) continue;
    const isFlat = typeof gene === "object" && groupFor(genome, gene, 1) === 0;
    const valueFor = (filter: number): Value => {
      const points = (isFlat ? groups.slice(0, 1) : groups).map(
        (group) =>
          isShare
            ? shareOf(draft, group, model!, filter) // weights are a model's
            : geneValue(name, gene as Gene, numberOf(draft, group, model, filter, name)), // checked above
      );
      return points.length === 1 ? points[0]! : points;
    };
    const rest = valueFor(genome.filters.length);
    const filtered: Conditional[] = genome.filters.map((filter, i) => ({
      filter,
      value: valueFor(i),
    }));
    settings[name] = filtered.length === 0 ? rest : [...filtered, { value: rest }];
  }
  return settings;
}

function numberOf(
  { read }: Draft,
  group: number,
  model: number | undefined,
  filter: number,
  parameter: string,
): number {
  return read(placeKey({ group, model, filter, parameter }))!; // slotsOf made it from the same genome
}

/** The weight of a model: its share, whichever of the models take part. */
function shareOf(draft: Draft, group: number, model: number, filter: number): number {
  const genes = draft.genome.models.slice(0, -1);
  return weightsOf(genes.map((_, one) => numberOf(draft, group, one, filter, SHARE)))[model]!;
}
