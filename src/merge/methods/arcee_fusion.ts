// arcee_fusion: takes over only the changes that matter most: large ones in rows whose distribution changed. The
// divergences of the rows and the cut of all importances come before the merge, in passes of their own; what
// is taken over is a plane. mergekit takes quantiles of tensors over 10^6 elements from a random sample: they are
// exact here, except under compat.

import { add, type Expression, input, sub } from "../../kernel/expression.ts";
import { type MergeMethod, plane, type TensorMerge, type TensorStatistics } from "../method.ts";
import { type Stream, selectThreshold, streamedMagnitudes } from "../statistics/magnitudes.ts";
import { alongLastAxis } from "../statistics/vectors.ts";
import { ends, inputsVariant } from "./deltas.ts";
import { asCompat } from "./weights.ts";

/** Added to probabilities, so that none is 0. */
const SMALLEST_PROBABILITY = 1e-8;
/** Whiskers of a box plot: what lies farther above the median than this many interquartile ranges matters. */
const WHISKER = 1.5;

const change = (merge: TensorMerge): Expression => {
  const [a, b] = ends(merge);
  return sub(input(b), input(a));
};

/** One row's Σ p·ln(p/q), p and q the softmax of b and a: how much the row as a distribution changed. */
function divergence(a: Float32Array, b: Float32Array, round: (x: number) => number): number {
  const [q, p] = [softmax(a, round), softmax(b, round)];
  let total = 0;
  for (let e = 0; e < p.length; e++) {
    total += round(p[e]! * round(Math.log(round(p[e]! / q[e]!))));
  }
  return round(total);
}

function softmax(row: Float32Array, round: (x: number) => number): Float64Array {
  let largest = Number.NEGATIVE_INFINITY;
  for (let e = 0; e < row.length; e++) largest = Math.max(largest, row[e]!);
  const powers = new Float64Array(row.length);
  let total = 0;
  for (let e = 0; e < row.length; e++) {
    const power = Math.exp(row[e]! - largest);
    powers[e] = power;
    total += power;
  }
  const smallest = round(SMALLEST_PROBABILITY);
  for (let e = 0; e < row.length; e++) powers[e] = round(round(powers[e]! / total) + smallest);
  return powers;
}

/** Elements of the rows that are read at once, at least one row. */
const TILE = 2 ** 16;

function rowLengthOf(merge: TensorMerge): number {
  return Math.min(alongLastAxis(merge.shape).inner, merge.elements);
}

/** The divergence of each row. */
function divergences(merge: TensorMerge, statistics: TensorStatistics): Promise<Float64Array> {
  const round = (x: number) => asCompat(merge, x);
  const length = rowLengthOf(merge);
  const rows = merge.elements / length;
  const atOnce = Math.max(1, Math.floor(TILE / length));
  const series = ends(merge).map(input);
  return statistics.fact(`divergences ${merge.compat}`, async () => {
    const results = new Float64Array(rows);
    for (let first = 0; first < rows; first += atOnce) {
      const count = Math.min(atOnce, rows - first);
      const [a, b] = await statistics.inputs.read(series, first * length, count * length);
      for (let row = 0; row < count; row++) {
        const at = row * length;
        const values = [a!, b!].map((tile) => tile.subarray(at, at + length));
        results[first + row] = divergence(values[0]!, values[1]!, round);
      }
    }
    return results;
  });
}

/** Turns changes into importances |δ|·kl of their rows, in place. */
function weigh(
  merge: TensorMerge,
  kl: Float64Array,
  changes: Float32Array,
  firstElement: number,
): void {
  const length = rowLengthOf(merge);
  for (let e = 0; e < changes.length; ) {
    const row = Math.floor((firstElement + e) / length); // one division a row, not one an element
    const end = Math.min(changes.length, (row + 1) * length - firstElement);
    const factor = kl[row]!;
    for (; e < end; e++) changes[e] = asCompat(merge, Math.abs(changes[e]!) * factor);
  }
}

/** Under compat quantiles of larger tensors are those of a random sample of this size. */
const SAMPLE = 1e6;
const isLarge = (merge: TensorMerge) => merge.elements > SAMPLE;
const samples = (merge: TensorMerge) => merge.compat && isLarge(merge);

/** Every element's importance, in tiles that are overwritten. */
async function importances(merge: TensorMerge, statistics: TensorStatistics): Promise<Stream> {
  const kl = await divergences(merge, statistics);
  return (visit) =>
    statistics.inputs.each([change(merge)], ([tile], firstElement) => {
      weigh(merge, kl, tile!, firstElement);
      visit(tile as Float32Array<ArrayBuffer>, firstElement); // readers own their tiles
    });
}

/** The sorted value at trunc(q·(n − 1)) of all n importances for each q: the (n − that)-th largest. */
async function quantiles(elements: number, stream: Stream, shares: readonly number[]) {
  const magnitudes = streamedMagnitudes(stream, elements);
  const values: number[] = [];
  for (const q of shares) {
    const rank = elements - Math.trunc(q * (elements - 1));
    values.push(await selectThreshold(magnitudes, rank));
  }
  return values;
}

/** The same of a random sample; mask stream `draw` draws it. */
async function sampledQuantiles(
  { sample }: TensorStatistics,
  draw: number,
  stream: Stream,
  shares: readonly number[],
) {
  const chosen = sample(draw, SAMPLE).sort();
  const values = new Float32Array(chosen.length);
  let found = 0;
  await stream((tile, firstElement) => {
    const end = firstElement + tile.length;
    for (; found < chosen.length && chosen[found]! < end; found++) {
      values[found] = tile[chosen[found]! - firstElement]!;
    }
  });
  values.sort();
  return shares.map((q) => values[Math.trunc(q * (values.length - 1))]!);
}

/** What importance an element must have to be taken over: median + 1.5·(Q3 − Q1). */
async function thresholdOf(merge: TensorMerge, statistics: TensorStatistics): Promise<number> {
  const stream = await importances(merge, statistics);
  const exact = (shares: readonly number[]) =>
    statistics.fact(`importances ${merge.compat} ${shares.join()}`, () =>
      quantiles(merge.elements, stream, shares),
    );
  const at = (shares: readonly number[], draw: number) =>
    samples(merge) ? sampledQuantiles(statistics, draw, stream, shares) : exact(shares);
  const [median] = await at([0.5], 0);
  const [low, upper] = await at([0.25, 0.75], 1);
  const round = (x: number) => asCompat(merge, x);
  return round(median! + round(WHISKER * round(upper! - low!)));
}

/** y = a + (b − a) where |b − a|·kl reaches the threshold; a elsewhere, a the base. */
export const arceeFusion: MergeMethod = {
  name: "arcee_fusion",
  summary: "the other model's most important changes",
  reference: "Arcee Fusion, as mergekit states it",
  base: "firstSource",
  minModels: 2,
  maxModels: 2,
  parameters: [],
  promotes: true,
  published: { parameters: {}, source: "it has no parameters" },
  variant: inputsVariant,
  expression: (merge) =>
    merge.inputs === 1 ? input(0) : add(input(ends(merge)[0]), plane(merge, 0)),
  streams: (merge) => (samples(merge) ? [ends(merge)[1], ends(merge)[1]] : []),
  draws: (merge) => merge.elements - 1,
  coefficients: async () => ({ scalars: [], integers: [] }),
  fixes: (merge) => (merge.inputs > 1 && isLarge(merge) ? ["sample"] : []),
  async planes(merge, statistics) {
    if (merge.inputs === 1) return [];
    const kl = await divergences(merge, statistics);
    const threshold = await thresholdOf(merge, statistics);
    return [
      async (taken, firstElement) => {
        const [changes] = await statistics.inputs.read([change(merge)], firstElement, taken.length);
        const importances = changes!.slice();
        weigh(merge, kl, importances, firstElement);
        for (let e = 0; e < taken.length; e++) {
          taken[e] = importances[e]! >= threshold ? changes![e]! : 0;
        }
      },
    ];
  },
};
