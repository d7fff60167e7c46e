// What is worth a word about a recipe that is valid: weights that scale, factors that do nothing, densities
// that trim nothing, a model met twice, configurations, tokens and chat templates that differ. It refuses nothing.

import { storedTemplates, usualTemplate } from "../model/stored-template.ts";
import { computedDifference } from "./compile/differences.ts";
import type { LoadedModels } from "./compile/models.ts";
import { adviseOnVocabularies } from "./compile/vocabularies.ts";
import {
  donorReference,
  isConditional,
  mergedReferences,
  type Parameters,
  type Recipe,
  type Setting,
  type Slice,
  type Source,
  type Value,
} from "./recipe.ts";
import { numbersIn, valueAt } from "./setting.ts";

/** Weights whose sum lies within these neither shrink nor inflate what they weigh. */
const FAIR_SUM = [0.9, 1.1] as const;
/** A density above it keeps nearly every change, and TIES exists to trim them. */
const HIGH_DENSITY = 0.9;
/** Depths at which gradients are summed. */
const DEPTHS = [0, 0.25, 0.5, 0.75, 1];

const SUMMED = new Set(["linear", "dare_linear", "dare_ties"]);

/** Advice that needs the recipe alone, a sentence each. */
export function advise(recipe: Recipe): string[] {
  const all = recipe.slices.flatMap((slice) => [
    ...onWeights(recipe, slice),
    ...onFactor(recipe, slice),
    ...onDensities(recipe, slice),
    ...onTwins(slice),
  ]);
  return [...new Set(all)]; // slices of one kind get one word
}

/** Advice that needs the models' folders. */
export async function adviseOnModels(recipe: Recipe, models: LoadedModels): Promise<string[]> {
  const advice: string[] = [];
  const merged = mergedReferences(recipe).map((reference) => models.get(reference)!); // all are loaded
  for (const [index, { reference, location }] of merged.entries()) {
    const twin = merged.slice(0, index).find((other) => other.location === location);
    if (twin !== undefined) advice.push(`${twin.reference} and ${reference} are the same folder`);
  }
  const donor = models.get(donorReference(recipe))!;
  for (const model of merged) {
    const fields = computedDifference(donor, model);
    if (fields === undefined) continue;
    advice.push(
      `${donor.reference} and ${model.reference} differ in ${fields}: the output's config.json is ${donor.reference}'s`,
    );
  }
  if (recipe.tokenizer === undefined) {
    advice.push(...(await adviseOnVocabularies([donor, ...merged])));
  }
  if (recipe.chatTemplate !== undefined) return advice;
  const first = new Map<string, string>();
  for (const { reference, tokenizerDirectory } of merged) {
    const template = usualTemplate(await storedTemplates(tokenizerDirectory));
    if (template !== undefined && !first.has(template)) first.set(template, reference);
  }
  if (first.size > 1) {
    const names = [...first.values()].join(", ");
    advice.push(
      `the chat templates of ${names} differ: the output gets ${donorReference(recipe)}'s; choose with chat_template`,
    );
  }
  return advice;
}

/** What a parameter of one source is set to, where it is set. */
function settingOf(name: string, ...levels: readonly Parameters[]): Setting | undefined {
  return levels.map((level) => level[name]).find((setting) => setting !== undefined);
}

/** The sources that parameters are for. */
function partsOf(recipe: Recipe, slice: Slice): readonly Source[] {
  const base = slice.base ?? recipe.base;
  return recipe.method === "linear"
    ? slice.sources
    : slice.sources.filter(({ model }) => model !== base);
}

function onWeights(recipe: Recipe, slice: Slice): string[] {
  if (!SUMMED.has(recipe.method)) return [];
  const weights = partsOf(recipe, slice)
    .map(({ parameters }) => settingOf("weight", parameters, slice.parameters, recipe.parameters))
    .filter((weight) => weight !== undefined);
  // filters choose weights by tensor: there is no one sum
  const plain = weights.filter((weight): weight is Value => !isConditional(weight));
  if (plain.length < weights.length || plain.length === 0) return [];
  const sums = DEPTHS.map((t) =>
    plain.reduce((sum: number, weight) => sum + valueAt(weight, t), 0),
  );
  const odd = sums.find((sum) => sum < FAIR_SUM[0] || sum > FAIR_SUM[1]);
  if (odd === undefined) return [];
  const shown = Number(odd.toFixed(4));
  const normalize = settingOf("normalize", slice.parameters, recipe.parameters);
  const isNormalized = (normalize ?? (recipe.method === "linear" ? 1 : 0)) === 1;
  if (isNormalized && sums.includes(0)) {
    return [
      recipe.method === "linear"
        ? "the weights sum to 0, which normalize cannot divide by: the merge will be refused"
        : "the weights sum to 0: there nothing is divided, although normalize is set",
    ];
  }
  return [
    isNormalized
      ? `the weights sum to ${shown}, which normalize divides by: only their ratio counts`
      : recipe.method === "linear"
        ? `the weights sum to ${shown}: the result is that much larger or smaller than the models`
        : `the weights sum to ${shown}: the changes are that much stronger or weaker than their mean`,
  ];
}

function onFactor(recipe: Recipe, slice: Slice): string[] {
  if (recipe.method !== "slerp") return [];
  const t = settingOf("t", slice.parameters, recipe.parameters);
  if (t === undefined) return [];
  const base = slice.base ?? recipe.base;
  const other = slice.sources.find(({ model }) => model !== base)?.model ?? "the other model";
  const numbers = isConditional(t) ? t.flatMap(({ value }) => [value].flat()) : numbersIn(t);
  if (numbers.every((x) => x === 0)) return [`t is 0 everywhere: the result is ${base} itself`];
  if (numbers.every((x) => x === 1)) return [`t is 1 everywhere: the result is ${other} itself`];
  const beyond = numbers.find((x) => x < 0 || x > 1);
  if (beyond !== undefined) {
    return [`t ${beyond} is outside [0, 1]: the result lies beyond its models, not between them`];
  }
  return [];
}

function onDensities(recipe: Recipe, slice: Slice): string[] {
  if (recipe.method !== "ties") return [];
  const dense = partsOf(recipe, slice).flatMap(({ model, parameters }) => {
    const density = settingOf("density", parameters, slice.parameters, recipe.parameters) ?? 1;
    return Math.max(...numbersIn(density)) > HIGH_DENSITY ? [model] : [];
  });
  if (dense.length === 0) return [];
  return [
    `the density of ${[...new Set(dense)].join(", ")} is above ${HIGH_DENSITY} (1 where none is given), so ties trims next to nothing; 0.2 to 0.5 is usual`,
  ];
}

function onTwins({ sources }: Slice): string[] {
  const twin = sources.find(
    ({ model }, index) => sources.findIndex((other) => other.model === model) < index,
  );
  return twin === undefined ? [] : [`${twin.model} is merged with itself`];
}
