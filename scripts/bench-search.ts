// The duel that a search has to win: `auto` and what it recommends against CMA-ES with defaults and its best
// observed candidate (mergekit-evolve's rule), on synthetic merge landscapes, at equal budgets of items. And what
// `auto` gains over the same strategy's mean, which is why it is the default. And what a generation of many genes costs, against one eigendecomposition.

import { EigenvalueDecomposition } from "ml-matrix";
import { unpacked } from "../src/search/gaussian/symmetric.ts";
import { auto } from "../src/search/strategies/auto.ts";
import { cmaes } from "../src/search/strategies/cmaes.ts";
import { lraCmaes } from "../src/search/strategies/lra-cmaes.ts";
import type { Strategy } from "../src/search/strategy.ts";
import { landscape, searched, type Trace } from "../test/search/landscape.ts";
import { median } from "../test/search/run.ts";
import type { Row } from "./row.ts";

interface Duel {
  readonly genes: number;
  readonly items: number;
  readonly evaluations: number;
  readonly seeds: number;
}

const DUELS: readonly Duel[] = [
  { genes: 4, items: 20, evaluations: 100, seeds: 40 },
  { genes: 12, items: 20, evaluations: 200, seeds: 40 },
  { genes: 12, items: 100, evaluations: 200, seeds: 40 },
  { genes: 64, items: 100, evaluations: 1000, seeds: 10 },
];

export async function benchSearch(): Promise<Row[]> {
  return [...DUELS.flatMap(duel), cost(cmaes, 2), cost(lraCmaes, 4)];
}

function duel({ genes, items, evaluations, seeds }: Duel): Row[] {
  const lands = Array.from({ length: seeds }, (_, i) => landscape(genes, i + 1));
  const rival = lands.map((land) => searched(cmaes, land, { evaluations, items }).at(-1)!);
  const ours = lands.map((land) => searched(auto, land, { evaluations, items }));
  const last = ours.map((traces) => traces.at(-1)!);
  const theirs = average(rival, ({ best }) => best);
  const needed = evaluationsTo(ours, theirs) / evaluations;
  const where = `${genes} genes, ${evaluations} × ${items} items`;
  return [
    { name: `${where}: best observed, true score`, value: 100 * theirs, unit: "%" },
    {
      name: `${where}: best observed, claimed − true`,
      value: 100 * average(rival, ({ best, claimed }) => claimed - best),
      unit: "points",
    },
    {
      name: `${where}: auto's mean, true score`,
      value: 100 * average(last, ({ recommended }) => recommended),
      unit: "%",
      target: `> ${(100 * theirs).toFixed(1)} %`,
    },
    {
      name: `${where}: auto's mean over cmaes' mean`,
      value:
        100 *
        (average(last, ({ recommended }) => recommended) -
          average(rival, ({ recommended }) => recommended)),
      unit: "points",
      target: "> 0",
    },
    { name: `${where}: items to equal it`, value: needed, unit: "×", target: "≤ 0.33" },
  ];
}

/** Evaluations after which the recommendation is as good as `score`, on average over the seeds. */
function evaluationsTo(runs: readonly (readonly Trace[])[], score: number): number {
  const generations = Math.min(...runs.map((traces) => traces.length));
  for (let g = 0; g < generations; g++) {
    const now = runs.map((traces) => traces[g]!);
    if (average(now, ({ recommended }) => recommended) >= score) return now[0]!.evaluations;
  }
  return Number.POSITIVE_INFINITY;
}

function average(traces: readonly Trace[], value: (trace: Trace) => number): number {
  return traces.reduce((sum, trace) => sum + value(trace), 0) / traces.length;
}

const MANY_GENES = 200;
const TIMED_GENERATIONS = 25;
/** The first matrices are nearly the identity, and the code is not compiled yet. */
const FIRST_TIMED = 5;

/** Median processor time of a generation's asks and its tell over that of decomposing its C, in turns. */
function cost<State extends { readonly covariance: readonly number[] }>(
  strategy: Strategy<State>,
  target: number,
): Row {
  const fill = (value: number): number[] => Array(MANY_GENES).fill(value);
  const sphere = (x: readonly number[]) => x.reduce((sum, v) => sum - (v - 0.3) ** 2, 0);
  let state = strategy.initial({
    ...{ lower: fill(0), upper: fill(1), start: fill(0.5) },
    ...{ sigma: 1 / 6, seed: 1 },
  });
  const ratios: number[] = [];
  for (let g = 0; g < TIMED_GENERATIONS; g++) {
    const matrix = unpacked(state.covariance, MANY_GENES);
    const started = process.cpuUsage().user;
    new EigenvalueDecomposition(matrix, { assumeSymmetric: true });
    const decomposed = process.cpuUsage().user;
    state = strategy.tell(
      state,
      Array.from({ length: strategy.populationSize(state) }, (_, k) => {
        const { genome } = strategy.ask(state, k);
        return { genome, fitness: sphere(genome) };
      }),
    );
    const told = process.cpuUsage().user;
    if (g >= FIRST_TIMED) ratios.push((told - decomposed) / (decomposed - started));
  }
  return {
    name: `${strategy.name}: ask and tell of ${MANY_GENES} genes over one decomposition`,
    value: median(ratios),
    unit: "×",
    target: `< ${target}`,
  };
}
