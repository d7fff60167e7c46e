// The search space: a box of numbers, and how a point in it is a recipe. Pure; the order of genes is
// mergekit-evolve's: layer group, model, filter, parameter, then the group's genes that no model owns.

import { streamKey, uniform } from "../base/counter-rng.ts";
import { TsmergeError } from "../base/errors.ts";
import { type MergeMethod, setsBaseApart } from "../merge/method.ts";
import { methodNamed } from "../merge/methods/registry.ts";
import { type Gene, type Genome, shortNames } from "./genome.ts";
import { type LayerGroup, layerGroups } from "./layer-groups.ts";
import type { LoadedModels } from "./models.ts";
import type { Conditional, Parameters, Recipe, Setting, Slice, Value } from "./recipe.ts";

export interface SearchSpace {
  /** One label a gene, such as `math.weight[self_attn]@0-3`. */
  readonly names: readonly string[];
  readonly lower: readonly number[];
  readonly upper: readonly number[];
  readonly start: readonly number[];
  readonly dimension: number;
  /**
   * The recipe of a genome of `dimension` numbers: densities on multiples of 2^-12 (where statistics are
   * tabulated), the rest on multiples of 1e-6, so that an exported file holds the very numbers scored.
   * Between the points of a smooth density gradient layers take densities off that grid, which costs time only.
   */
  decode(genome: readonly number[]): Recipe;
}

/** Densities are tabulated and exported in these steps. */
const DENSITY_STEPS = 4096;
/** Steps a unit of every other gene: far below what a score can tell apart. */
const GENE_STEPS = 1e6;

/** What a gene decides. */
interface Slot {
  readonly group: number;
  /** Index of the model, or undefined for a parameter that holds for all models of a tensor. */
  readonly model: number | undefined;
  /** Index into the filters; the last set, filters.length, is for the rest. */
  readonly filter: number;
  readonly parameter: string;
}

/**
 * The space of a genome over loaded models.
 * @param seed decides where a search with random_init starts
 * @throws TsmergeError `config` where the layers cannot be grouped as asked
 */
export function searchSpace(genome: Genome, models: LoadedModels, seed: number): SearchSpace {
  const method = methodNamed(genome.method);
  const groups = layerGroups(genome, models);
  const slots = slotsOf(genome, method, groups.length);
  const genes = slots.map((slot) => genome.parameters[slot.parameter] as Gene); // slotsOf takes genes only
  const labels = shortNames(genome.models);
  const index = new Map(slots.map((slot, i) => [keyOf(slot), i]));
  const key = streamKey("start", seed);
  return {
    names: slots.map((slot) => nameOf(slot, genome, labels, groups)),
    lower: genes.map((gene) => gene.lower),
    upper: genes.map((gene) => gene.upper),
    start: genes.map((gene, i) =>
      genome.randomInit ? gene.lower + (gene.upper - gene.lower) * uniform(key, i) : gene.start,
    ),
    dimension: slots.length,
    decode(values) {
      if (values.length !== slots.length) {
        throw new TsmergeError(
          "internal",
          `a genome of ${values.length} numbers for ${slots.length} genes`,
        );
      }
      return decode(genome, method, groups, (slot) => {
        const i = index.get(keyOf(slot));
        return i === undefined ? undefined : quantised(slot.parameter, values[i]!);
      });
    },
  };
}

function keyOf({ group, model, filter, parameter }: Slot): string {
  return `${group} ${model ?? "all"} ${filter} ${parameter}`;
}

/** Every gene's slot, in genome order. */
function slotsOf(genome: Genome, method: MergeMethod, groups: number): Slot[] {
  const searched = method.parameters.filter(
    (spec) => typeof genome.parameters[spec.name] === "object",
  );
  const named = (scope: string) =>
    searched.filter((spec) => spec.scope === scope).map((spec) => spec.name);
  const slots: Slot[] = [];
  const add = (group: number, model: number | undefined, parameters: readonly string[]) => {
    for (let filter = 0; filter <= genome.filters.length; filter++) {
      for (const parameter of parameters) slots.push({ group, model, filter, parameter });
    }
  };
  for (let group = 0; group < groups; group++) {
    genome.models.forEach((_, model) => {
      add(group, model, named("model"));
    });
    add(group, undefined, named("global"));
  }
  return slots;
}

function nameOf(
  slot: Slot,
  genome: Genome,
  labels: readonly string[],
  groups: readonly LayerGroup[],
): string {
  const owner = slot.model === undefined ? "" : `${labels[slot.model]}.`;
  const filter = genome.filters.length === 0 ? "" : `[${genome.filters[slot.filter] ?? "rest"}]`;
  const group = groups[slot.group]!;
  const layers = groups.length === 1 ? "" : `@${group.first}-${group.end - 1}`;
  return `${owner}${slot.parameter}${filter}${layers}`;
}

function quantised(parameter: string, value: number): number {
  if (parameter === "density") {
    return Math.min(Math.max(Math.round(value * DENSITY_STEPS), 1), DENSITY_STEPS) / DENSITY_STEPS;
  }
  return Math.round(value * GENE_STEPS) / GENE_STEPS + 0; // + 0 makes -0 zero
}

/** A gene's value, or undefined for a parameter that is not searched. */
type ReadGene = (slot: Slot) => number | undefined;

function decode(
  genome: Genome,
  method: MergeMethod,
  groups: readonly LayerGroup[],
  read: ReadGene,
): Recipe {
  const isSteps = groups.length > 1 && !genome.smooth;
  const everyGroup = groups.map((_, group) => group);
  const slices: Slice[] = isSteps
    ? groups.map(({ first, end }, group) => ({
        sources: sourcesOf(genome, method, [group], read, [first, end]),
        parameters: searchedOf(genome, method, "global", undefined, [group], read),
      }))
    : [{ sources: sourcesOf(genome, method, everyGroup, read), parameters: {} }];
  const { base, dtype, tokenizerSource } = genome;
  return {
    method: genome.method,
    ...(base === undefined ? {} : { base }),
    slices,
    parameters: {
      ...fixedOf(genome, method, "global"),
      ...(isSteps ? {} : searchedOf(genome, method, "global", undefined, everyGroup, read)),
    },
    dtype,
    ...(tokenizerSource === undefined
      ? {}
      : { tokenizer: { source: tokenizerSource, tokens: [] } }),
  };
}

function sourcesOf(
  genome: Genome,
  method: MergeMethod,
  groups: readonly number[],
  read: ReadGene,
  layerRange?: readonly [number, number],
): Slice["sources"] {
  const range = layerRange === undefined ? {} : { layerRange };
  const sources = genome.models.map((model, index) => ({
    model,
    ...range,
    parameters: {
      ...fixedOf(genome, method, "model"),
      ...searchedOf(genome, method, "model", index, groups, read),
    },
  }));
  // mergekit appends an unlisted base to `models:` only, so slices list it
  const listsBase = layerRange !== undefined && setsBaseApart(method) && genome.base !== undefined;
  return listsBase ? [...sources, { model: genome.base, ...range, parameters: {} }] : sources;
}

function fixedOf(genome: Genome, method: MergeMethod, scope: string): Parameters {
  return Object.fromEntries(
    method.parameters.flatMap(({ name, scope: own }): [string, Setting][] => {
      const value = genome.parameters[name];
      return own === scope && typeof value === "number" ? [[name, value]] : [];
    }),
  );
}

/** The searched parameters of a scope as settings: one group gives numbers, several a gradient. */
function searchedOf(
  genome: Genome,
  method: MergeMethod,
  scope: string,
  model: number | undefined,
  groups: readonly number[],
  read: ReadGene,
): Parameters {
  const settings: Record<string, Setting> = {};
  for (const { name, scope: own } of method.parameters) {
    if (own !== scope || typeof genome.parameters[name] !== "object") continue;
    const valueFor = (filter: number): Value => {
      const points = groups.map((group) => read({ group, model, filter, parameter: name })!);
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
