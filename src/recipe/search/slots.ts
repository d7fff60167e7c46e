// Which genes a genome has and in which order: the method, the models that take part, then mergekit-evolve's
// order: layer group, model, filter, parameter, and last the group's genes that no model owns.

import type { ParameterSpec } from "../../merge/method.ts";
import type { Recipe } from "../recipe.ts";
import { type Gene, isChoice, isDiscrete } from "./gene.ts";
import { type Genome, methodsOf, searchableParameters, shortNames } from "./genome.ts";
import type { LayerGroup } from "./layer-groups.ts";
import { shareGene } from "./shares.ts";

/** One gene of a search. */
export interface Slot {
  /** Unique in its space. */
  readonly key: string;
  /** For people, such as `math.weight[self_attn]@0-3`. */
  readonly name: string;
  /** The parameter that it decides, alone or with others. */
  readonly parameter: string;
  readonly gene: Gene;
}

/** The number of a slot by its key; undefined for what is not searched. */
export type ReadSlot = (key: string) => number | undefined;

/** Slots in genome order, and the recipe of their numbers. */
export interface SlotSpace {
  readonly slots: readonly Slot[];
  readonly decode: (read: ReadSlot) => Recipe;
}

/** Whose parameter a slot is. */
export interface Place {
  readonly group: number;
  /** Index of the model, or undefined for a parameter that holds for all models of a tensor. */
  readonly model: number | undefined;
  /** Index into the filters; the last set, filters.length, is for the rest. */
  readonly filter: number;
  readonly parameter: string;
}

export const METHOD_KEY = "merge_method";
export const memberKey = (model: number): string => `member ${model}`;
export const placeKey = ({ group, model, filter, parameter }: Place): string =>
  `${group} ${model ?? "all"} ${filter} ${parameter}`;

/** The parameter name of a share, which stands where a model's weight would. */
export const SHARE = "share";

/** The group whose gene holds for a group of a smooth genome, or of steps: choices and integers have no gradient, so one holds everywhere. */
export function groupFor({ smooth }: Genome, gene: Gene, group: number): number {
  return smooth && isDiscrete(gene) ? 0 : group;
}

/** Every gene's slot, in genome order. */
export function slotsOf(genome: Genome, groups: readonly LayerGroup[]): Slot[] {
  const labels = shortNames(genome.models);
  const slots: Slot[] = [];
  if (genome.methods.length > 1) {
    const gene = { choices: genome.methods.map((_, i) => i), start: 0 };
    slots.push({ key: METHOD_KEY, name: METHOD_KEY, parameter: METHOD_KEY, gene });
  }
  const { subset } = genome;
  if (subset !== undefined) {
    genome.models.forEach((_, model) => {
      const start = model < subset.max ? 1 : 0;
      const gene = { lower: 0, upper: 1, start, scale: "integer" } as const;
      slots.push({ key: memberKey(model), name: `${labels[model]}.in`, parameter: "in", gene });
    });
  }
  const add = (group: number, model: number | undefined) => {
    const scope = model === undefined ? "global" : "model";
    for (let filter = 0; filter <= genome.filters.length; filter++) {
      for (const [parameter, gene] of searchedIn(genome, scope, model)) {
        if (groupFor(genome, gene, group) !== group) continue;
        const place = { group, model, filter, parameter };
        const name = nameOf(place, gene, genome, labels, groups);
        slots.push({ key: placeKey(place), name, parameter, gene });
      }
    }
  };
  for (const group of groups.keys()) {
    genome.models.forEach((_, model) => {
      add(group, model);
    });
    add(group, undefined);
  }
  return slots;
}

/** The searched parameters of a scope, in the methods' order. */
function searchedIn(
  genome: Genome,
  scope: ParameterSpec["scope"],
  model: number | undefined,
): Map<string, Gene> {
  const specs = methodsOf(genome).flatMap(searchableParameters);
  const genes = new Map<string, Gene>();
  for (const { name, scope: own } of specs) {
    if (own !== scope) continue;
    const gene = genome.parameters[name];
    if (typeof gene === "object") genes.set(name, gene);
    const sharing = name === "weight" && genome.shares && model !== undefined;
    if (sharing && model < genome.models.length - 1) {
      genes.set(SHARE, shareGene(model, genome.models.length));
    }
  }
  return genes;
}

function nameOf(
  { group, model, filter, parameter }: Place,
  gene: Gene,
  { filters }: Genome,
  labels: readonly string[],
  groups: readonly LayerGroup[],
): string {
  const owner = model === undefined ? "" : `${labels[model]}.`;
  const scale = !isChoice(gene) && gene.scale === "log" ? "log10 " : "";
  const filtered = filters.length === 0 ? "" : `[${filters[filter] ?? "rest"}]`;
  const { first, end } = groups[group]!;
  const layers = groups.length === 1 ? "" : `@${first}-${end - 1}`;
  return `${owner}${scale}${parameter}${filtered}${layers}`;
}
