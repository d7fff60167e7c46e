// How a search cuts a model's layers into groups that share genes.

import { TsmergeError } from "../../base/errors.ts";
import { configDifference } from "../compile/differences.ts";
import type { LoadedModels } from "../compile/models.ts";
import { type Genome, genomeReferences } from "./genome.ts";

/** Layers [first, end). */
export interface LayerGroup {
  readonly first: number;
  readonly end: number;
}

/** The one depth that all models of a search have. */
function depthOf(genome: Genome, models: LoadedModels): number {
  const depths = genomeReferences(genome).map((reference) => {
    const model = models.get(reference);
    if (model !== undefined) return { model, reference, layers: model.weights.layers };
    throw new TsmergeError("internal", `model ${reference} was not loaded before searching`);
  });
  const first = depths[0]!; // a genome has at least one model
  const other = depths.find(({ layers }) => layers !== first.layers);
  if (other === undefined) return first.layers;
  const fields = configDifference(first.model, other.model);
  throw new TsmergeError(
    "incompatible",
    `${first.reference} has ${first.layers} layers and ${other.reference} has ${other.layers}${fields === undefined ? "" : ` (${fields})`}`,
    { hint: "search over models of one depth" },
  );
}

/**
 * The groups a genome asks for, in layer order. `granularity` layers a group must divide the depth, as in
 * mergekit-evolve; a number of `groups` is met as evenly as whole layers allow.
 * @throws TsmergeError `config` naming what would do
 */
export function layerGroups(genome: Genome, models: LoadedModels): LayerGroup[] {
  const depth = depthOf(genome, models);
  const { layers } = genome;
  const groups =
    layers === undefined ? 1 : "groups" in layers ? layers.groups : depth / layers.granularity;
  if (!Number.isInteger(groups) || groups > depth) {
    const asked =
      layers !== undefined && "granularity" in layers
        ? `layer_granularity ${layers.granularity}`
        : `layer_groups ${groups}`;
    const divisors = Array.from({ length: depth }, (_, i) => i + 1).filter((n) => depth % n === 0);
    throw new TsmergeError("config", `${asked} does not fit the ${depth} layers of the models`, {
      hint:
        layers !== undefined && "granularity" in layers
          ? `write 0 (one group) or one of ${divisors.join(", ")}`
          : `write at most ${depth}`,
    });
  }
  const edge = (group: number) => Math.floor((group * depth) / groups);
  return Array.from({ length: groups }, (_, group) => ({
    first: edge(group),
    end: edge(group + 1),
  }));
}
