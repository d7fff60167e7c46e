// CMA-ES with restarts, for landscapes with many optima: IPOP doubles the population each time (Auger & Hansen,
// CEC 2005), BIPOP takes turns between that and small, narrow runs (Hansen, GECCO workshops 2009). With some
// hundred noisy candidates a restart almost never pays: never the default.

import { streamKey, uniform } from "../../base/counter-rng.ts";
import { defaultPopulation } from "../gaussian/cmaes-parameters.ts";
import type { CmaesState } from "../gaussian/cmaes-state.ts";
import { MAX_FAILED_GENERATIONS } from "../gaussian/gaussian.ts";
import { rankable, refuseCategories, toGenes } from "../problem.ts";
import type { Problem, Strategy, Told } from "../strategy.ts";
import { cmaes } from "./cmaes.ts";

/** The mean of a finished run or of the present one, and how good its last generation was. */
interface Result {
  readonly genome: readonly number[];
  /** Mean fitness of the generation's better half: of one distribution it depends less on luck than the best. */
  readonly fitness: number;
}

type Regime = "large" | "small";

export interface RestartState {
  readonly problem: Problem;
  readonly generation: number;
  /** The present run. */
  readonly inner: CmaesState;
  readonly regime: Regime;
  /** Runs begun so far, and how often the population was doubled. */
  readonly runs: number;
  readonly doublings: number;
  /** Evaluations that each regime has used, and the present and the last large run. */
  readonly spent: Readonly<Record<Regime, number>>;
  readonly runSpent: number;
  readonly lastLarge: number;
  readonly current?: Result;
  readonly best?: Result;
}

const MAX_DOUBLINGS = 9;
/** The factors of BIPOP's small runs: σ = σ0 · 10^(-2U), and half the last large run's evaluations at most. */
const SMALLEST_STEP_POWER = -2;
const SMALL_SHARE = 0.5;
/** From values of a generation that agree to this relative share nothing more is to be learned. */
const FLAT = 1e-12;

function initial(name: string, given: Problem): RestartState {
  const inner = cmaes.initial(given);
  refuseCategories(given, name);
  return {
    problem: inner.problem,
    generation: 0,
    inner,
    regime: "large",
    runs: 1,
    doublings: 0,
    spent: { large: 0, small: 0 },
    runSpent: 0,
    lastLarge: 0,
  };
}

/** Where, how wide and with how many candidates the next run begins; the start is uniform in the box. */
function restarted(state: RestartState, regime: Regime): RestartState {
  const { problem } = state;
  const runs = state.runs + 1;
  const key = streamKey(problem.seed, "restart", runs);
  const smallest = problem.population ?? defaultPopulation(problem.start.length);
  const doublings = regime === "large" ? state.doublings + 1 : state.doublings;
  const large = smallest * 2 ** doublings;
  // λ_s = ⌊λ0 (λ_l / 2λ0)^(U²)⌋, U uniform in (0, 1)
  const small = Math.floor(smallest * (large / (2 * smallest)) ** (uniform(key, 0) ** 2));
  const narrow = 10 ** (SMALLEST_STEP_POWER * uniform(key, 1));
  const start = toGenes(
    problem,
    problem.start.map((_, i) => uniform(key, 2 + i)),
  );
  const inner = cmaes.initial({
    ...problem,
    start,
    population: regime === "large" ? large : Math.max(2, small),
    sigma: regime === "large" ? problem.sigma : problem.sigma * narrow,
    seed: key[0],
  });
  const lastLarge = state.regime === "large" ? state.runSpent : state.lastLarge;
  return { ...state, inner, regime, runs, doublings, runSpent: 0, lastLarge };
}

function tell(
  state: RestartState,
  results: readonly Told[],
  next: (state: RestartState) => Regime,
): RestartState {
  const inner = cmaes.tell(state.inner, results);
  const { [state.regime]: spent } = state.spent;
  const fitness = rankable(results).sort((a, b) => (a < b ? 1 : a > b ? -1 : 0));
  const half = fitness.slice(0, Math.ceil(fitness.length / 2));
  const mean = half.reduce((sum, value) => sum + value, 0) / half.length;
  const current = { genome: cmaes.recommend(inner), fitness: mean };
  const told = {
    ...state,
    generation: state.generation + 1,
    inner,
    spent: { ...state.spent, [state.regime]: spent + results.length },
    runSpent: state.runSpent + results.length,
    ...(mean === -Infinity ? {} : { current }),
  };
  if (inner.failedGenerations >= MAX_FAILED_GENERATIONS) return told;
  const capped = state.regime === "small" && told.runSpent >= SMALL_SHARE * state.lastLarge;
  const scale = Math.max(Math.abs(fitness[0]!), Number.MIN_VALUE);
  const flat = fitness[0]! > fitness.at(-1)! && (fitness[0]! - fitness.at(-1)!) / scale < FLAT;
  if (cmaes.finished(inner) === undefined && !capped && !flat) return told;
  const best = better(told.best, told.current);
  const { current: _, ...rest } = told;
  const kept = best === undefined ? rest : { ...rest, best };
  const regime = next(kept);
  if (regime === "large" && kept.doublings >= MAX_DOUBLINGS) return told;
  return restarted(kept, regime);
}

function better(a: Result | undefined, b: Result | undefined): Result | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return b.fitness > a.fitness ? b : a;
}

function restarting(
  name: string,
  summary: string,
  next: (state: RestartState) => Regime,
): Strategy<RestartState> {
  return {
    name,
    summary,
    initial: (problem) => initial(name, problem),
    populationSize: (state) => cmaes.populationSize(state.inner),
    generation: (state) => state.generation,
    ask: (state, k) => cmaes.ask(state.inner, k),
    tell: (state, results) => tell(state, results, next),
    recommend: (state) => [
      ...(better(state.best, state.current)?.genome ?? cmaes.recommend(state.inner)),
    ],
    finished: (state) => cmaes.finished(state.inner),
  };
}

export const cmaesIpop = restarting(
  "cmaes-ipop",
  "cmaes, restarted elsewhere with twice the population once it has converged",
  () => "large",
);

export const cmaesBipop = restarting(
  "cmaes-bipop",
  "cmaes-ipop with small, narrow runs in between",
  // the first restart is large; then the regime that has used less so far
  ({ runs, spent }) => (runs > 1 && spent.small <= spent.large ? "small" : "large"),
);
