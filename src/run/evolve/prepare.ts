// From an outline to a contest: what weights are fingerprinted for. Recipes get their hashes, the run its identity and
// what it has to beat.

import { contentHash } from "../../base/hash.ts";
import { fingerprint } from "../../checkpoint/fingerprint.ts";
import { itemCount } from "../../evals/workload.ts";
import { planHash } from "../../merge/fingerprint.ts";
import { compileRecipe } from "../../recipe/compile/compile.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { equalWeights, publishedMerges, singleModel } from "../../recipe/search/baselines.ts";
import { genomeReferences, shortNames } from "../../recipe/search/genome.ts";
import type { TaskSource } from "../../recipe/search/task-choice.ts";
import { renderRecipe } from "../../recipe/yaml/render.ts";
import type { Told } from "../../search/strategy.ts";
import { VERSIONS } from "../versions.ts";
import type { Baseline, Composition, Contest } from "./contest.ts";
import type { Outline } from "./outline.ts";

/** Adds what needs the weights' bytes: fingerprints, and with them hashes and the run's identity. */
export async function contestOf(outline: Outline): Promise<Contest> {
  const { config, models, space, seed, items, strategy, race, problem, workloads } = outline;
  const fingerprints = new Map<string, string>();
  const parents: Record<string, string> = {};
  for (const { reference, location, directory } of models.values()) {
    parents[reference] = await fingerprint(location);
    fingerprints.set(directory, await fingerprint(directory)); // the donor's is its folder's
    fingerprints.set(location, parents[reference]);
  }
  const composed = (recipe: Recipe): Composition => {
    const plan = compileRecipe(recipe, {
      ...{ models, seed, compat: false, tokenizer: outline.tokenizer?.of(recipe) },
    });
    const text = renderRecipe(recipe, { record: { seed } });
    return { recipe, text, plan, hash: planHash(plan, fingerprints) };
  };
  const { genome } = config;
  return {
    identity: {
      genome: { ...genome },
      parents,
      tasks: items.tasks.map(({ name, weight, metric }) => {
        const source = items.sources.get(name);
        return { name, weight, metric, ...(source && { source: scorerOf(source) }) };
      }),
      fewshot: Object.fromEntries(items.suite.leaves.map(({ task, fewshot }) => [task, fewshot])),
      items: items.hash,
      counts: Object.fromEntries(
        Object.entries(workloads).map(([purpose, workload]) => [purpose, itemCount(workload)]),
      ),
      strategy: strategy.name,
      population: problem.population ?? null,
      sigma: problem.sigma,
      ...(problem.earlier === undefined ? {} : { warmStart: earlierHash(problem.earlier) }),
      ...(race === undefined ? {} : { race: { ...race } }),
      seed,
      device: outline.device,
    },
    ...{ seed, strategy, race, problem, workloads, tasks: items.tasks },
    compose: (genes) => composed(space.decode(genes)),
    baselines: baselinesOf(outline, composed),
    provenance: { parents, ...VERSIONS },
  };
}

/** What decides the scores of a task that is scored outside: not how long or how often it is waited for. */
function scorerOf(source: TaskSource): Readonly<Record<string, unknown>> {
  if (source.kind === "command") {
    const { kind, command, isMinimised } = source;
    return { kind, command, isMinimised };
  }
  const { kind, url, serve, model } = source;
  return { kind, url, serve, model };
}

/** What an earlier run said: a run that began near it goes on only as long as it says the same. */
function earlierHash(earlier: readonly Told[]): string {
  return contentHash(
    earlier.map(({ genome, fitness }) => [genome, Number.isFinite(fitness) ? fitness : null]),
  );
}

/** Each parent, the base, the equal-weight merge, and the methods as published; a recipe stands once. */
function baselinesOf(
  { config: { genome }, models }: Outline,
  composed: (recipe: Recipe) => Composition,
): Baseline[] {
  const references = genomeReferences(genome);
  const names = shortNames(references);
  const singles = references.map((reference, index): Baseline => {
    const isBase = reference === genome.base && !genome.models.includes(reference);
    return {
      role: isBase ? "base" : "parent",
      label: isBase ? `base:${names[index]}` : `parent:${names[index]}`,
      composition: composed(singleModel(reference)),
    };
  });
  const depths = new Set(genome.models.map((reference) => models.get(reference)!.weights.layers));
  // models of several depths, whose layers can be stacked, have no average
  const equal = depths.size > 1 ? [] : [composed(equalWeights(genome))];
  const published = publishedMerges(genome).map(
    ({ method, recipe }): Baseline => ({
      role: "published",
      label: `${method} as published`,
      composition: composed(recipe),
    }),
  );
  const all: Baseline[] = [
    ...singles,
    ...equal.map(
      (composition): Baseline => ({ role: "equal", label: "equal weights", composition }),
    ),
    ...published,
  ];
  const first = new Map(all.toReversed().map((one) => [one.composition.hash, one]));
  return all.filter((one) => first.get(one.composition.hash) === one);
}
