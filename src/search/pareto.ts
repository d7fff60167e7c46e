// Order among candidates with several objectives, all maximised: fronts, crowding and who survives, as NSGA-II
// has them (Deb et al. 2002). Pure functions of the objectives, [candidates, objectives].

type Objectives = readonly number[];

/** True if `a` is nowhere worse than `b` and somewhere better. */
export function dominates(a: Objectives, b: Objectives): boolean {
  return a.every((value, i) => value >= b[i]!) && a.some((value, i) => value > b[i]!);
}

/**
 * Dominance among noisy scores: true if one is in no objective worse than the other by more than the margin, and in
 * some better by more (ε-dominance, Laumanns et al. 2002, in both directions). Three objectives can go round in
 * a circle: whoever sorts by it has to say whom it asks first.
 * @param differences the one's objectives less the other's
 * @param margins for each, such as a standard error of the difference; 0 gives `dominates`
 */
export function clearlyDominates(
  differences: readonly number[],
  margins: readonly number[],
): boolean {
  return (
    differences.every((value, i) => value >= -margins[i]!) &&
    differences.some((value, i) => value > margins[i]!)
  );
}

/**
 * Candidate indices by front: the first is dominated by nobody, the next only by those before it. Where noisy ones
 * go round in a circle, a front is who fewest dominate.
 * @param isBetter whether the first dominates the second, both as indices
 */
export function fronts(
  count: number,
  isBetter: (one: number, other: number) => boolean,
): number[][] {
  const all = Array.from({ length: count }, (_, i) => i);
  const beaten = all.map((i) => all.filter((j) => isBetter(i, j)));
  const beaters = all.map(() => 0);
  for (const j of beaten.flat()) beaters[j]! += 1;
  const sorted: number[][] = [];
  let left = all;
  while (left.length > 0) {
    const fewest = left.reduce((least, i) => Math.min(least, beaters[i]!), count);
    const front = left.filter((i) => beaters[i] === fewest);
    sorted.push(front);
    left = left.filter((i) => beaters[i] !== fewest);
    for (const i of front) for (const j of beaten[i]!) beaters[j]! -= 1;
  }
  return sorted;
}

/**
 * How far each candidate's neighbours on both sides lie apart, summed over the objectives as shares of their
 * ranges (averaged over the objectives), [candidates]; Infinity at the ends, which are kept.
 */
export function crowding(candidates: readonly Objectives[]): number[] {
  const count = candidates.length;
  const distances: number[] = Array(count).fill(0);
  const objectives = candidates[0]?.length ?? 0;
  for (let m = 0; m < objectives; m++) {
    const value = (i: number) => candidates[i]![m]!;
    const order = candidates.map((_, i) => i).sort((a, b) => value(a) - value(b) || a - b);
    const [low, high] = [order[0]!, order[count - 1]!];
    distances[low] = Number.POSITIVE_INFINITY;
    distances[high] = Number.POSITIVE_INFINITY;
    const range = value(high) - value(low);
    if (range === 0) continue;
    for (let place = 1; place < count - 1; place++) {
      const gap = value(order[place + 1]!) - value(order[place - 1]!);
      distances[order[place]!]! += gap / range / objectives;
    }
  }
  return distances;
}

/**
 * The `size` candidates that survive, best first: front by front, in the lonelier places first. Of equal ones
 * the earlier stands first.
 * @param isBetter as in `fronts`; undefined: strict dominance
 */
export function survivors(
  candidates: readonly Objectives[],
  size: number,
  isBetter = (one: number, other: number) => dominates(candidates[one]!, candidates[other]!),
): number[] {
  const chosen: number[] = [];
  for (const front of fronts(candidates.length, isBetter)) {
    if (chosen.length >= size) break;
    const lonely = crowding(front.map((i) => candidates[i]!));
    const order = front.map((_, place) => place);
    // compared, not subtracted: Infinity - Infinity is NaN
    order.sort((a, b) => (lonely[a]! > lonely[b]! ? -1 : lonely[a]! < lonely[b]! ? 1 : a - b));
    chosen.push(...order.map((place) => front[place]!));
  }
  return chosen.slice(0, size);
}

/**
 * The area that a set of points dominates above a reference point, for two objectives.
 * @param reference worse than every point that is to count
 */
export function hypervolume(points: readonly Objectives[], reference: Objectives): number {
  const inside = points
    .filter((point) => point.every((value, i) => value > reference[i]!))
    .sort((a, b) => b[0]! - a[0]! || b[1]! - a[1]!);
  let area = 0;
  let height = reference[1]!;
  for (const [x, y] of inside) {
    if (y! <= height) continue;
    area += (x! - reference[0]!) * (y! - height);
    height = y!;
  }
  return area;
}
