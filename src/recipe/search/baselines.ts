// What a search has to beat, as recipes: the models as they stand, their plain average, and the methods as
// their authors publish them.

import type { MergeMethod } from "../../merge/method.ts";
import type { Recipe } from "../recipe.ts";
import { baseOf, type Genome, isFlow, methodsOf, type SearchGenome } from "./genome.ts";

/** One model as it stands: nothing is merged, nothing is cast. */
export function singleModel(reference: string): Recipe {
  return {
    method: "passthrough",
    slices: [{ sources: [{ model: reference, parameters: {} }], parameters: {} }],
    parameters: {},
  };
}

/**
 * The plain average of the parents, whatever the search's method: what merging is worth without a search.
 * It equals task arithmetic with weights 1/M, M the number of parents.
 */
export function equalWeights(genome: SearchGenome): Recipe {
  return {
    method: "linear",
    slices: [
      {
        sources: genome.models.map((model) => ({ model, parameters: { weight: 1 } })),
        parameters: {},
      },
    ],
    parameters: { normalize: 1 },
    dtype: genome.dtype,
  };
}

/** A method with its published parameters. */
export interface PublishedMerge {
  readonly method: string;
  readonly recipe: Recipe;
}

/**
 * Each method of the search over all its models with the parameters that its authors recommend. Methods without
 * any, or for fewer models, are left out.
 */
export function publishedMerges(genome: SearchGenome): PublishedMerge[] {
  if (isFlow(genome)) return [];
  const { models } = genome;
  return methodsOf(genome).flatMap((method) => {
    const { published, maxModels } = method;
    if (published === undefined || models.length > maxModels) return [];
    return [{ method: method.name, recipe: publishedRecipe(genome, method, published.parameters) }];
  });
}

function publishedRecipe(
  genome: Genome,
  method: MergeMethod,
  values: Readonly<Record<string, number>>,
): Recipe {
  const { models, dtype } = genome;
  const base = baseOf(genome, method, models);
  const scoped = (scope: string) =>
    Object.fromEntries(
      method.parameters.flatMap(({ name, scope: own }): [string, number][] => {
        const value = values[name];
        return own === scope && value !== undefined ? [[name, value]] : [];
      }),
    );
  const sources = models.map((model) => ({ model, parameters: scoped("model") }));
  return {
    method: method.name,
    ...(base === undefined ? {} : { base }),
    slices: [{ sources, parameters: {} }],
    parameters: scoped("global"),
    dtype,
  };
}
