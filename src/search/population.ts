// What strategies that keep a population share: its size, children that are not known already, and when its
// members have come together. How children are made is each strategy's own.

import { GENE_RESOLUTION } from "./problem.ts";
import type { Problem } from "./strategy.ts";

/** Something with a place in the unit box, [n]. */
export interface Placed {
  readonly x: readonly number[];
}

const DEFAULT_POPULATION = 20;
/** Tries to breed a child that is not known already. */
const MAX_TRIES = 100;

/** Candidates a generation. */
export function populationOf({ problem }: { readonly problem: Problem }): number {
  return problem.population ?? DEFAULT_POPULATION;
}

/** The first child that is none of the known, or the last of MAX_TRIES. @param breed the child of an attempt, from 0 */
export function unlike<Child extends Placed>(
  known: readonly Placed[],
  breed: (attempt: number) => Child,
): Child {
  let child = breed(0);
  for (let attempt = 1; attempt < MAX_TRIES; attempt++) {
    const { x } = child;
    if (!known.some((one) => one.x.every((gene, i) => gene === x[i]))) break;
    child = breed(attempt);
  }
  return child;
}

/** Why a population need not go on, once its members differ in no gene by the problem's resolution. */
export function converged(
  problem: Problem,
  members: readonly Placed[],
  name: string,
): string | undefined {
  const resolution = problem.resolution ?? GENE_RESOLUTION;
  const isClose = problem.start.every((_, i) => {
    const genes = members.map(({ x }) => x[i]!);
    return Math.max(...genes) - Math.min(...genes) < resolution;
  });
  return isClose
    ? `converged: the ${name} differ by less than ${resolution} of every gene's range`
    : undefined;
}
