// karcher as mergekit computes it in a half type, operation by operation: every step rounds the direction, so no
// Gram matrix knows it, and it is held as a whole. For compat; karcher.ts does it in one pass. Dot products are
// rounded from f64: torch's own sums may round otherwise, which moves some elements by one rounding.

import { type Expression, input } from "../../kernel/expression.ts";
import type { TensorMerge, TensorStatistics } from "../method.ts";
import { asCompat } from "./weights.ts";

/** A mean direction, and the length it is scaled to. */
export interface Direction {
  readonly unit: Float32Array;
  readonly length: number;
}

/** Numbers that mergekit holds in float32, whatever the data type. */
const { fround } = Math;

/**
 * The mean of the models' directions by the steps of karcher.ts.
 * @param lengths of the models, exact
 */
export async function stepwiseMean(
  merge: TensorMerge,
  { inputs }: TensorStatistics,
  lengths: readonly number[],
  maxIterations: number,
  tol: number,
): Promise<Direction> {
  const round = (x: number) => asCompat(merge, fround(x));
  const norms = lengths.map(fround);
  const directed = norms.flatMap((norm, i) => (norm > tol ? [i] : []));
  const series: Expression[] = directed.map(input);
  const u = new Float32Array(merge.elements);
  const share = 1 / norms.length;
  const length = norms.reduce((total, norm) => total + share * norm, 0);
  if (directed.length === 0) return { unit: u, length };
  const weight = share / directed.reduce((total) => total + share, 0);

  /** Visits tiles with their units, one a model, and with the place in the tensor where they begin. */
  const each = (visit: (units: readonly Float32Array[], first: number) => void) =>
    inputs.each(series, (tiles, first) => {
      visit(
        tiles.map((tile, k) => tile.map((x) => round(x / norms[directed[k]!]!))),
        first,
      );
    });
  const normOf = (x: Float32Array) => fround(Math.sqrt(x.reduce((sum, y) => sum + y * y, 0)));
  const divide = (norm: number) => {
    for (let e = 0; e < u.length; e++) u[e] = round(u[e]! / norm);
  };

  await each((units, first) => {
    for (const unit of units) {
      for (let e = 0, at = first; e < unit.length; e++, at++) {
        u[at] = round(u[at]! + round(unit[e]! * fround(weight)));
      }
    }
  });
  const norm = normOf(u);
  if (norm >= tol) divide(norm);
  else await each(([unit], first) => u.set(unit!, first));
  const tangent = new Float32Array(u.length);
  for (let iteration = 0; iteration < maxIterations; iteration++) {
    const dots = directed.map(() => 0);
    await each((units, first) => {
      for (const [k, unit] of units.entries()) {
        let dot = dots[k]!; // a local: captured variables are slow in inner loops
        for (let e = 0, at = first; e < unit.length; e++, at++) dot += u[at]! * unit[e]!;
        dots[k] = dot;
      }
    });
    const cosines = dots.map((dot) => Math.max(-1, Math.min(1, round(dot))));
    const angles = cosines.map((cosine) => round(Math.acos(cosine)));
    const factors = angles.map((angle) => round(weight * round(angle / round(Math.sin(angle)))));
    tangent.fill(0);
    await each((units, first) => {
      for (const [k, unit] of units.entries()) {
        if (angles[k]! < tol) continue;
        const [cosine, factor] = [cosines[k]!, factors[k]!];
        for (let e = 0, at = first; e < unit.length; e++, at++) {
          const part = round(unit[e]! - round(cosine * u[at]!));
          tangent[at] = round(tangent[at]! + round(factor * part));
        }
      }
    });
    const step = normOf(tangent);
    if (step < tol) break;
    const [cosine, sine] = [fround(Math.cos(step)), fround(Math.sin(step))];
    for (let e = 0; e < u.length; e++) {
      u[e] = round(round(cosine * u[e]!) + round(sine * round(tangent[e]! / step)));
    }
    const turned = normOf(u);
    if (turned > tol) divide(turned);
  }
  return { unit: u, length };
}
