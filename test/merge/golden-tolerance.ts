// How far a merge may be from mergekit's, method by method. Equal bits are the rule; the exceptions are
// stated here, each bounded by what causes it.

import assert from "node:assert/strict";
import { roundTo } from "../../src/base/half.ts";
import type { TensorPlan } from "../../src/merge/plan.ts";

export interface Comparison {
  readonly tensor: TensorPlan;
  readonly found: readonly number[];
  readonly wanted: readonly number[];
  /** What each source holds, cast as the plan says. */
  readonly sources: readonly (readonly number[])[];
  /** The merge before it was rounded to the output type. */
  readonly unrounded: readonly number[];
}

/** Throws unless `found` is what the method's rule allows; returns how many elements are not equal bit for bit. */
export function checkAgainst(comparison: Comparison): number {
  const { tensor, found, wanted } = comparison;
  const differing = wanted.flatMap((x, e) => (Object.is(x, found[e]) ? [] : [e]));
  const allowed = ruleOf(tensor)(comparison);
  const wrong = differing.filter((e) => !allowed(e));
  const [first] = wrong;
  assert.equal(
    wrong.length,
    0,
    `${tensor.name}: ${wrong.length} of ${wanted.length} differ, such as ${first}: ${found[first!]}, not ${wanted[first!]}`,
  );
  return differing.length;
}

type Rule = (comparison: Comparison) => (e: number) => boolean;

function ruleOf({ method, sources }: TensorPlan): Rule {
  if (sources.length < 2) return () => () => false;
  switch (method) {
    case "slerp":
    case "nuslerp":
    case "multislerp":
    case "karcher":
    case "model_stock":
    case "ram": // mergekit adds the models in the order of a set
      return withinCoefficientError;
    case "ties":
    case "breadcrumbs":
    case "breadcrumbs_ties":
      return (comparison) => isIn(tiedAtCuts(comparison));
    case "della":
    case "della_linear":
      return (comparison) => orShifted(comparison, tiedInRows(comparison));
    case "sce":
      return (comparison) => orShifted(comparison, tiedVariances(comparison));
    case "arcee_fusion":
      return onTheOtherSide;
    default:
      return () => () => false;
  }
}

const isIn = (elements: ReadonlySet<number>) => (e: number) => elements.has(e);

/**
 * mergekit's coefficients go through float32 norms, sums, acos and sin of other libraries and
 * are off by up to 1.5 float32 ulp; ours are exact before rounding. So the value before rounding agrees to
 * 1e-6 of the larger source element (of the result itself, unless the two terms cancel).
 */
function withinCoefficientError(comparison: Comparison): (e: number) => boolean {
  const { tensor, wanted, sources, unrounded } = comparison;
  return (e) => {
    const slack = 1e-6 * Math.max(...sources.map((values) => Math.abs(values[e]!)));
    const low = roundTo(tensor.dtype, Math.fround(unrounded[e]! - slack));
    const high = roundTo(tensor.dtype, Math.fround(unrounded[e]! + slack));
    return low <= wanted[e]! && wanted[e]! <= high;
  };
}

/**
 * What a kept element adds shifts by less than this share when other tied elements are kept, for survivors are
 * scaled to the mass of all: 0.0033 observed, where half of the elements are tied.
 */
const SHIFT = 0.005;

/** Elements that tie, and those that are shifted by what ties change in sums over the whole tensor. */
function orShifted(
  { tensor, found, wanted, sources }: Comparison,
  tied: ReadonlySet<number>,
): (e: number) => boolean {
  const base = sources[tensor.base!]!;
  const density = Math.min(...tensor.perModel.map((parameters) => parameters.density ?? 1));
  return (e) => {
    const change = Math.max(...sources.map((values) => Math.abs(values[e]! - base[e]!))) / density;
    const rounding = 2 ** -23 * Math.abs(wanted[e]!);
    if (tied.has(e) || Math.abs(found[e]! - wanted[e]!) <= SHIFT * change + rounding) return true;
    // shifted contributions may turn a vote that is all but even
    const signs = [found, wanted].map((values) => Math.sign(values[e]! - base[e]!));
    return tensor.method === "della" && signs[0] !== signs[1];
  };
}

/** |x_i − base| in the arithmetic of the merge, for each model but the base, with its parameters. */
function magnitudesOf({ tensor, sources }: Comparison) {
  const { arithmetic, base } = tensor;
  assert.ok(arithmetic !== "f64" && base !== undefined);
  const round = (x: number) => roundTo(arithmetic, Math.fround(x));
  return sources.flatMap((values, i) => {
    const parameters = tensor.perModel[i] ?? {};
    const magnitudes = values.map((x, e) => Math.abs(round(x - sources[base]![e]!)));
    return i === base ? [] : [{ magnitudes, density: parameters.density ?? 1, parameters }];
  });
}

/** Elements that equal the k-th largest, where elements equal to it are cut off. */
function tiedAt(values: readonly number[], k: number): number[] {
  const sorted = values.toSorted((a, b) => b - a);
  if (k === 0 || sorted[k - 1] !== sorted[k]) return [];
  return values.flatMap((x, e) => (x === sorted[k] ? [e] : []));
}

/** ties and breadcrumbs: mergekit keeps arbitrary ones of the elements whose magnitude equals a model's threshold. */
function tiedAtCuts(comparison: Comparison): Set<number> {
  const tied = magnitudesOf(comparison).flatMap(({ magnitudes, density, parameters }) => {
    if (density >= 1) return [];
    const outliers = Math.trunc((parameters.gamma ?? 0) * magnitudes.length);
    const kept = Math.trunc(density * magnitudes.length);
    return [outliers, outliers + kept].flatMap((k) => tiedAt(magnitudes, k));
  });
  return new Set(tied);
}

/** della: mergekit ranks equal magnitudes of a row in an arbitrary order. */
function tiedInRows(comparison: Comparison): Set<number> {
  const { shape } = comparison.tensor;
  const tied = new Set<number>();
  for (const { magnitudes, density } of magnitudesOf(comparison)) {
    const length = shape.at(-1)!;
    for (let row = 0; density < 1 && row < magnitudes.length; row += length) {
      const places = new Map<number, number[]>();
      for (let e = row; e < row + length; e++) {
        const place = places.get(magnitudes[e]!) ?? [];
        places.set(magnitudes[e]!, [...place, e]);
      }
      for (const group of places.values()) {
        if (group.length > 1) for (const e of group) tied.add(e);
      }
    }
  }
  return tied;
}

/** sce: mergekit keeps arbitrary ones of the elements whose variance equals the threshold. */
function tiedVariances({ tensor, sources }: Comparison): Set<number> {
  const { base } = tensor;
  const deltas = sources.flatMap((values, i) =>
    i === base ? [] : [values.map((x, e) => Math.fround(x - sources[base!]![e]!))],
  );
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const variances = deltas[0]!.map((_, e) => {
    const column = deltas.map((values) => values[e]!);
    return Math.fround(mean(column.map((x) => (x - mean(column)) ** 2)));
  });
  const k = Math.trunc(variances.filter((x) => x !== 0).length * tensor.global.select_topk!);
  return new Set(tiedAt(variances, k));
}

/** arcee_fusion: float32 sums decide on which side of the cut the element lies that is nearest to it. */
function onTheOtherSide({ sources, found, wanted }: Comparison): (e: number) => boolean {
  const differing = wanted.flatMap((x, e) => (Object.is(x, found[e]) ? [] : [e]));
  return (e) => differing.length === 1 && sources.some((values) => values[e] === wanted[e]);
}
