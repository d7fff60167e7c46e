// `npm run test:peer [name…]`: the searches measured against published and measured rivals on functions whose
// optimum is known. Prints one row per case, `ok` or `MISSED`, and fails if any is missed. Minutes, not seconds.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { auto } from "../src/search/strategies/auto.ts";
import { cmaes } from "../src/search/strategies/cmaes.ts";
import { lraCmaes } from "../src/search/strategies/lra-cmaes.ts";
import { cmaesIpop } from "../src/search/strategies/restarts.ts";
import { sepCmaes } from "../src/search/strategies/sep-cmaes.ts";
import type { Problem, Strategy } from "../src/search/strategy.ts";
import * as functions from "../test/search/functions.ts";
import { landscape, searched } from "../test/search/landscape.ts";
import { evaluationsTo, median, unbounded } from "../test/search/run.ts";
import { frontArea, zdt1, zdt2, zdt3 } from "../test/search/zdt.ts";
import { bbobCurves, bbobPicture } from "./bbob.ts";

const { ackley, cigar, diffPowers, ellipsoid, rastrigin, rosenbrock, sphere, tablet } = functions;
const TARGET = 1e-8;

interface Outcome {
  readonly name: string;
  /** What was aimed at, and what came out. */
  readonly wanted: string;
  readonly got: string;
  readonly met: boolean;
}

/** Medians of cmaes 0.13.1 by number of genes, from the same starts: 25 seeds, 11 of sep-cmaes, 7 of lra-cmaes. */
const MEDIANS: readonly {
  readonly strategy: Strategy;
  readonly f: functions.TestFunction;
  readonly seeds: number;
  /** The reference's own accuracy, as a share. */
  readonly band: number;
  /** Ours is another update of the same family that needs fewer: only more is a miss. */
  readonly fewer?: boolean;
  /** The share of its runs that the reference loses to a wrong valley; absent: none. */
  readonly lost?: number;
  readonly medians: Readonly<Record<number, number>>;
}[] = [
  ...(
    [
      [sphere, { 2: 260, 3: 408, 5: 708, 10: 1517, 20: 2792 }],
      [ellipsoid, { 2: 546, 3: 816, 5: 1569, 10: 4232, 20: 13316 }],
      [cigar, { 5: 1841, 10: 4073, 20: 8363 }],
      [tablet, { 5: 1370, 10: 3236, 20: 7946 }],
      [diffPowers, { 5: 682, 10: 1785, 20: 4774 }],
      [rosenbrock, { 2: 471, 5: 1634, 10: 5042, 20: 16472 }],
    ] as const
  ).map(([f, medians]) => ({ strategy: cmaes, f, seeds: 25, band: 0.06, medians })),
  {
    // One run may end in the valley beside the optimum: of 3000 runs cmaes loses 35 with 2 genes and 57 with 5,
    // pycma 4.5 loses 8 of 500 with either. Restarts mend it.
    ...{ strategy: cmaes, f: ackley, seeds: 25, band: 0.06, lost: 0.02 },
    medians: { 2: 559, 5: 1530, 10: 3006, 20: 5611 },
  },
  ...(
    [
      [sphere, { 10: 1288, 20: 2503, 40: 4998, 100: 11756, 200: 22470 }],
      [ellipsoid, { 10: 2711, 20: 5991, 40: 14692 }],
    ] as const
  ).map(([f, medians]) => ({ strategy: sepCmaes, f, seeds: 11, band: 0.06, fewer: true, medians })),
  ...(
    [
      [sphere, { 5: 1992, 10: 6042 }],
      [ellipsoid, { 5: 5083, 10: 19475 }],
      [rosenbrock, { 5: 8393 }],
    ] as const
  ).map(([f, medians]) => ({ strategy: lraCmaes, f, seeds: 7, band: 0.15, medians })),
];
/** Of two genes the reference's quantiles lie further apart. */
const FEW_GENES = 5;
const FEW_GENES_BAND = 0.12;
const MANY_RUNS = 4;
/** Of ZDT1's .8767, .85 is expected after these generations. */
const FRONT_SHARE = 0.97;
/** Standard errors that luck exceeds once in a hundred times. */
const ONE_PERCENT = 2.33;

function* medianCases(): Generator<Outcome> {
  for (const { strategy, f, seeds, band, fewer, lost = 0, medians } of MEDIANS) {
    for (const [genes, expected] of Object.entries(medians)) {
      const n = Number(genes);
      // a median of 25 runs in few dimensions scatters by 3 %, about as much as the band is wide
      const counts = run(n <= FEW_GENES ? MANY_RUNS * seeds : seeds, (seed) =>
        evaluationsTo(strategy, unbounded(f, n, seed), f.value, TARGET, 10 * expected),
      );
      const allowed = n < FEW_GENES ? FEW_GENES_BAND : band;
      const solved = counts.filter(Number.isFinite).length;
      const ratio = median(counts) / expected;
      const lostByLuck = lost * counts.length;
      yield {
        name: `${strategy.name} ${f.name} ${n}`,
        wanted: `${expected} ${fewer ? "+" : "±"} ${Math.round(100 * allowed)} %`,
        got: `${median(counts)} (${ratio.toFixed(3)}), ${solved}/${counts.length}`,
        met:
          counts.length - solved <= lostByLuck + ONE_PERCENT * Math.sqrt(lostByLuck) &&
          ratio <= 1 + allowed &&
          (fewer === true || ratio >= 1 - allowed),
      };
    }
  }
}

function* hardCases(): Generator<Outcome> {
  const rotation = [functions.rotated(ellipsoid, 10), ellipsoid].map((f) =>
    median(run(25, (seed) => evaluationsTo(cmaes, unbounded(f, 10, seed), f.value, TARGET, 5e4))),
  );
  const ratio = rotation[0]! / rotation[1]!;
  yield {
    name: "cmaes rotated over plain ellipsoid 10",
    wanted: "0.9 to 1.1",
    got: ratio.toFixed(3),
    met: ratio >= 0.9 && ratio <= 1.1,
  };
  yield solvedCase("cmaes rastrigin 5, population 200", 18, (seed) =>
    evaluationsTo(
      cmaes,
      { ...unbounded(rastrigin, 5, seed), population: 200 },
      rastrigin.value,
      TARGET,
      4e4,
    ),
  );
  yield solvedCase("cmaes-ipop rastrigin 5, 2e5 evaluations", 22, (seed) =>
    evaluationsTo(cmaesIpop, boxed(rastrigin, 5, 5, seed), rastrigin.value, TARGET, 2e5),
  );
  const ipopOnAckley = (seed: number) =>
    evaluationsTo(cmaesIpop, boxed(ackley, 30, 2, seed), ackley.value, TARGET, 1e4);
  yield solvedCase("cmaes-ipop ackley 2, 1e4 evaluations", 100, ipopOnAckley, 100);
  yield solvedCase("cmaes 10 real genes, 10 bits", 20, (seed) =>
    evaluationsTo(cmaes, mixed(seed), ellipsoidAndOnes, TARGET, 4e4),
  );
}

/** Fronts of NSGA-II: 30 genes, 100 candidates, 200 generations. */
function* frontCases(): Generator<Outcome> {
  for (const f of [zdt1, zdt2, zdt3]) {
    const { area } = frontArea(f);
    const least = FRONT_SHARE * f.area;
    yield {
      name: `nsga2 ${f.name}, area below (1.1, 1.1)`,
      wanted: `≥ ${least.toFixed(3)} of ${f.area.toFixed(3)}`,
      got: area.toFixed(4),
      met: area >= least,
    };
  }
}

/** Under noise: true score of auto's mean against the best that cmaes observed, 12 genes, 200 × 100 items. */
function* noisyCases(): Generator<Outcome> {
  const lands = Array.from({ length: 20 }, (_, i) => landscape(12, i + 1));
  const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
  const ours = mean(
    lands.map((land) => searched(auto, land, { evaluations: 200, items: 100 }).at(-1)!.recommended),
  );
  const rival = mean(
    lands.map((land) => searched(cmaes, land, { evaluations: 200, items: 100 }).at(-1)!.best),
  );
  yield {
    name: "auto on the synthetic merge landscape",
    wanted: "≥ .610, above the best observed",
    got: `${ours.toFixed(3)} against ${rival.toFixed(3)}`,
    met: ours >= 0.61 && ours > rival,
  };
}

/** Shares of BBOB targets may lie this far below pycma's: two standard errors of 105 runs. */
const CURVE_BAND = 0.03;

function* bbobCases(): Generator<Outcome> {
  const curves = bbobCurves();
  for (const { name, genes, ours, pycma } of curves) {
    const worst = Math.min(...ours.map((share, i) => share - pycma[i]!));
    yield {
      name: `${name} BBOB f1 f2 f3 f8 f10 f15 f20, ${genes} genes`,
      wanted: `pycma's curve − ${CURVE_BAND} (${pycma.at(-1)} at its end)`,
      got: `${ours.at(-1)!.toFixed(3)}, least difference ${worst.toFixed(3)}`,
      met: worst >= -CURVE_BAND,
    };
  }
  writeFileSync(join(import.meta.dirname, "../docs/bbob.svg"), bbobPicture(curves));
}

function solvedCase(
  name: string,
  least: number,
  evaluations: (seed: number) => number,
  seeds = 25,
): Outcome {
  const counts = run(seeds, evaluations);
  const solved = counts.filter(Number.isFinite);
  return {
    name,
    wanted: `≥ ${least}/${seeds}`,
    got: `${solved.length}/${seeds}${solved.length > 0 ? `, median ${median(solved)}` : ""}`,
    met: solved.length >= least,
  };
}

function run(seeds: number, evaluations: (seed: number) => number): number[] {
  return Array.from({ length: seeds }, (_, i) => evaluations(i + 1));
}

/** A function in the box from -half to half, in which restarts begin anywhere. */
function boxed(f: functions.TestFunction, half: number, n: number, seed: number): Problem {
  const fill = (value: number): number[] => Array(n).fill(value);
  const sigma = f.sigma / (2 * half);
  const start = fill(f.start);
  return { lower: fill(-half), upper: fill(half), start, sigma, resolution: 1e-11, seed };
}

function mixed(seed: number): Problem {
  const both = <T>(real: T, bit: T): T[] => [...Array(10).fill(real), ...Array(10).fill(bit)];
  const bounds = { lower: both(-5, 0), upper: both(5, 1), start: both(3, 0) };
  return { ...bounds, integer: both(false, true), sigma: 0.2, seed };
}

function ellipsoidAndOnes(x: readonly number[]): number {
  return ellipsoid.value(x.slice(0, 10)) + x.slice(10).reduce((sum, bit) => sum + 1 - bit, 0);
}

const SUITES: Readonly<Record<string, () => Generator<Outcome>>> = {
  medians: medianCases,
  hard: hardCases,
  fronts: frontCases,
  noise: noisyCases,
  bbob: bbobCases,
};

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !(name in SUITES));
if (unknown !== undefined) {
  process.stderr.write(`no suite "${unknown}": ${Object.keys(SUITES).join(", ")}\n`);
  process.exitCode = 2;
} else {
  for (const [suite, outcomes] of Object.entries(SUITES)) {
    if (asked.length > 0 && !asked.includes(suite)) continue;
    for (const { name, wanted, got, met } of outcomes()) {
      const verdict = met ? "ok" : "MISSED";
      process.stdout.write(
        `${name.padEnd(40)} ${wanted.padEnd(32)} ${got.padEnd(26)} ${verdict}\n`,
      );
      if (!met) process.exitCode = 1;
    }
  }
}
