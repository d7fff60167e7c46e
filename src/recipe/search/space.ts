// The search space: a box of numbers, and how a point in it is a recipe. Pure. Which genes there are is
// slots.ts's, what a number means gene.ts's, how the recipe is put together decode.ts's.

import { streamKey, uniform } from "../../base/counter-rng.ts";
import { TsmergeError } from "../../base/errors.ts";
import type { LoadedModels } from "../compile/models.ts";
import { idleFilters } from "../idle-filters.ts";
import type { Recipe } from "../recipe.ts";
import { decode } from "./decode.ts";
import { flowSpace } from "./flow.ts";
import { type BoxSide, sideOf } from "./gene.ts";
import { type Genome, isFlow, type SearchGenome } from "./genome.ts";
import { layerGroups } from "./layer-groups.ts";
import { type SlotSpace, slotsOf } from "./slots.ts";

export interface SearchSpace {
  /** One label a gene, such as `math.weight[self_attn]@0-3`. */
  readonly names: readonly string[];
  readonly lower: readonly number[];
  readonly upper: readonly number[];
  readonly start: readonly number[];
  /** Which genes take whole numbers only, and which name one of upper + 1 choices without an order. */
  readonly integer: readonly boolean[];
  readonly categorical: readonly boolean[];
  readonly dimension: number;
  /**
   * The recipe of a genome of `dimension` numbers, which an exported file reproduces exactly. Between the points
   * of a smooth density gradient layers take densities off the tabulated grid, which costs time only.
   */
  decode(genome: readonly number[]): Recipe;
}

/**
 * The space of a genome over loaded models.
 * @param seed decides where a search with random_init starts
 * @throws TsmergeError `config` where the layers cannot be grouped as asked
 */
export function searchSpace(genome: SearchGenome, models: LoadedModels, seed: number): SearchSpace {
  const { slots, decode: decodeSlots } = isFlow(genome)
    ? flowSpace(genome, models)
    : weightSpace(genome, models);
  const sides = slots.map(({ gene }) => sideOf(gene));
  const index = new Map(slots.map(({ key }, i) => [key, i]));
  const key = streamKey("start", seed);
  return {
    names: slots.map(({ name }) => name),
    lower: sides.map(({ lower }) => lower),
    upper: sides.map(({ upper }) => upper),
    start: sides.map((side, i) =>
      genome.randomInit ? anywhere(side, uniform(key, i)) : side.start,
    ),
    integer: sides.map(({ kind }) => kind === "integer"),
    categorical: sides.map(({ kind }) => kind === "categorical"),
    dimension: slots.length,
    decode(values) {
      if (values.length !== slots.length) {
        throw new TsmergeError(
          "internal",
          `a genome of ${values.length} numbers for ${slots.length} genes`,
        );
      }
      return decodeSlots((slot) => {
        const i = index.get(slot);
        return i === undefined ? undefined : values[i]!;
      });
    },
  };
}

/** @throws TsmergeError `config` for a filter that means no tensor: its genes would change nothing */
function weightSpace(genome: Genome, models: LoadedModels): SlotSpace {
  const names = [...models.values()].flatMap(({ tensors }) => [...tensors.keys()]);
  const [idle] = idleFilters(genome.filters, names);
  if (idle !== undefined) {
    throw new TsmergeError("config", `the filter ${JSON.stringify(idle)} matches no tensor`, {
      hint: "write a part of a tensor's name, such as self_attn or mlp, or delete it",
    });
  }
  const groups = layerGroups(genome, models);
  return { slots: slotsOf(genome, groups), decode: (read) => decode(genome, groups, read) };
}

/** A fair point of a side for u in (0, 1). */
function anywhere({ lower, upper, kind }: BoxSide, u: number): number {
  if (kind === "real") return lower + (upper - lower) * u;
  return lower + Math.floor((upper - lower + 1) * u);
}
