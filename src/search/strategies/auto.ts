// The strategy for those who do not want to choose one: picks by the number of genes, the items behind each
// score and the budget, and says why. After the choice it only passes on; the choice is part of the state.

import { defaultPopulation } from "../gaussian/cmaes-parameters.ts";
import { withCategories } from "../mixed.ts";
import { checkedProblem } from "../problem.ts";
import type { Problem, Strategy } from "../strategy.ts";
import { cmaes } from "./cmaes.ts";
import { lraCmaes } from "./lra-cmaes.ts";
import { sepCmaes } from "./sep-cmaes.ts";

export interface Choice {
  readonly strategy: string;
  readonly population: number;
  /** One sentence for the user. */
  readonly why: string;
}

export interface AutoState {
  readonly choice: Choice;
  /** The chosen strategy's own. */
  readonly inner: unknown;
}

const CANDIDATES: readonly Strategy[] = [
  withCategories(cmaes),
  withCategories(lraCmaes),
  withCategories(sepCmaes),
];
/** Noise is what these rules are about: on synthetic landscapes they gained up to 500 items, the most tried. */
const CALM_ITEMS = 1000;
/** Fewer genes are learned before their noise could be averaged away. */
const LEAST_GENES_FOR_ADAPTATION = 8;
/** At 150 genes it still gained; beyond 200 C, n² / 2 numbers in every stored generation, grows too large. */
const MOST_GENES_FOR_CORRELATIONS = 200;
/** So many generations a doubled population must leave. */
const LEAST_GENERATIONS = 2;

/** Which strategy a problem gets; unknown items count as few, an unknown budget as large. */
export function chosen(problem: Problem): Choice {
  const { start, items, evaluations } = checkedProblem(problem);
  const n = start.length;
  const noisy = items === undefined || items < CALM_ITEMS;
  const usual = defaultPopulation(n);
  const fits = evaluations === undefined || evaluations >= LEAST_GENERATIONS * 2 * usual;
  const population = problem.population ?? (noisy && fits ? 2 * usual : usual);
  const strategy =
    n > MOST_GENES_FOR_CORRELATIONS
      ? sepCmaes.name
      : noisy && n >= LEAST_GENES_FOR_ADAPTATION
        ? lraCmaes.name
        : cmaes.name;
  const genes = n === 1 ? "1 gene" : `${n} genes`;
  const scores = `scores from ${items === undefined ? "few" : items} item${items === 1 ? "" : "s"}`;
  const reason =
    problem.population !== undefined
      ? ", as asked"
      : population > usual
        ? ", twice the usual, against the noise"
        : noisy
          ? `, as ${evaluations} evaluations leave no room for more`
          : "";
  const why = `${strategy} for ${genes} and ${scores}; ${population} candidates a generation${reason}`;
  return { strategy, population, why };
}

function innerOf({ choice }: AutoState): Strategy {
  // chosen() names no other, and a stored state was made by it
  return CANDIDATES.find(({ name }) => name === choice.strategy)!;
}

export const auto: Strategy<AutoState> = {
  name: "auto",
  summary: "picks one of the cmaes family by genes, items and budget, and says why",
  initial: (problem) => {
    const choice = chosen(problem);
    const state = { choice, inner: undefined };
    const { population } = choice;
    return { choice, inner: innerOf(state).initial({ ...problem, population }) };
  },
  populationSize: (state) => innerOf(state).populationSize(state.inner),
  generation: (state) => innerOf(state).generation(state.inner),
  ask: (state, k) => innerOf(state).ask(state.inner, k),
  tell: (state, results) => ({ ...state, inner: innerOf(state).tell(state.inner, results) }),
  recommend: (state) => innerOf(state).recommend(state.inner),
  finished: (state) => innerOf(state).finished(state.inner),
  explain: (state) => state.choice.why,
};
