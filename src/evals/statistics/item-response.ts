// Item response theory: what a candidate would score on all items, from its answers to some (p-IRT of
// tinyBenchmarks, Maia Polo et al. 2024, arXiv:2402.14992). Items are fitted from answers that earlier models of
// the run gave. An estimate leans on that model being right: it stands beside a raw mean, never in its place.

import { TsmergeError } from "../../base/errors.ts";

/** P(right | ability v) = 1 / (1 + exp(difficulty − slope · v)), the two-parameter logistic model. */
export interface ItemResponse {
  readonly slope: number;
  readonly difficulty: number;
}

export interface ResponseModel {
  /** [items] */
  readonly items: readonly ItemResponse[];
  /** Mean and variance of the abilities it was fitted from: the prior of the next one. */
  readonly ability: { readonly mean: number; readonly variance: number };
}

/** 1 right, 0 wrong, undefined not asked. */
export type Answer = 0 | 1 | undefined;

/** Fewer models than this say too little of an item. */
export const LEAST_MODELS = 30;

const ROUNDS = 25;
/** Prior deviations: they keep items that all or none answered finite. */
const SLOPE = { mean: 1, deviation: 0.5, least: 0.1 };
const DIFFICULTY_DEVIATION = 2;
/** Abilities spread by one, which fixes the scale; no logit leaves ±30. */
const MOST = 30;
/** Observed and expected means this many standard errors apart: the model does not know such a candidate. */
const GUARD = 3;

/**
 * Fits items and abilities together: maximum a posteriori, by Newton steps on one side at a time.
 * @param answers [models][items]
 * @throws TsmergeError `data` for fewer than LEAST_MODELS models
 */
export function fitResponses(answers: readonly (readonly Answer[])[]): ResponseModel {
  if (answers.length < LEAST_MODELS) {
    throw new TsmergeError(
      "data",
      `${answers.length} models are too few to fit item responses from`,
      { hint: `at least ${LEAST_MODELS} scored candidates are needed; the raw means stand alone` },
    );
  }
  const count = answers[0]!.length;
  let items = Array.from({ length: count }, (): ItemResponse => ({ slope: 1, difficulty: 0 }));
  let abilities = answers.map(() => 0);
  for (let round = 0; round < ROUNDS; round++) {
    items = items.map((item, j) => itemStep(item, abilities, answers, j));
    abilities = abilities.map((v, i) =>
      abilityStep(v, items, answers[i]!, { mean: 0, variance: 1 }),
    );
  }
  const mean = abilities.reduce((sum, v) => sum + v, 0) / abilities.length;
  const spread = abilities.reduce((sum, v) => sum + (v - mean) ** 2, 0) / abilities.length;
  return { items, ability: { mean, variance: Math.max(spread, 1e-3) } };
}

/** The estimate of a mean over all items, beside what was seen. */
export interface ResponseEstimate {
  /** Raw mean over the answered items, and how many they are. */
  readonly raw: number;
  readonly n: number;
  /** p-IRT over all items; undefined when the guard refuses the model for this candidate. */
  readonly estimate: number | undefined;
}

/**
 * p-IRT: answered items count as answered, the others with their probability at the candidate's ability.
 * The guard: where the observed mean lies more than three standard errors from the model's own, there is no
 * estimate (a broken merge is no weak model of the family).
 * @param answers [items], at least one answered
 */
export function estimateMean(model: ResponseModel, answers: readonly Answer[]): ResponseEstimate {
  let ability = model.ability.mean;
  for (let step = 0; step < ROUNDS; step++) {
    ability = abilityStep(ability, model.items, answers, model.ability);
  }
  let [right, n, rest, expected, variance] = [0, 0, 0, 0, 0];
  answers.forEach((answer, j) => {
    const p = chance(model.items[j]!, ability);
    if (answer === undefined) {
      rest += p;
      return;
    }
    n++;
    right += answer;
    expected += p;
    variance += p * (1 - p);
  });
  const raw = right / n;
  const isKnown = Math.abs(right - expected) <= GUARD * Math.sqrt(variance);
  return { raw, n, estimate: isKnown ? (right + rest) / answers.length : undefined };
}

function chance({ slope, difficulty }: ItemResponse, ability: number): number {
  const logit = Math.max(-MOST, Math.min(MOST, slope * ability - difficulty));
  return 1 / (1 + Math.exp(-logit));
}

/** One Newton step on an ability under a normal prior. */
function abilityStep(
  ability: number,
  items: readonly ItemResponse[],
  answers: readonly Answer[],
  { mean, variance }: ResponseModel["ability"],
): number {
  let gradient = (mean - ability) / variance;
  let curvature = 1 / variance;
  answers.forEach((answer, j) => {
    if (answer === undefined) return;
    const { slope } = items[j]!;
    const p = chance(items[j]!, ability);
    gradient += slope * (answer - p);
    curvature += slope * slope * p * (1 - p);
  });
  return ability + limited(gradient / curvature);
}

/** One Newton step on an item's slope and difficulty, each under a normal prior. */
function itemStep(
  item: ItemResponse,
  abilities: readonly number[],
  answers: readonly (readonly Answer[])[],
  j: number,
): ItemResponse {
  const { slope, difficulty } = item;
  let [towardsSlope, towardsDifficulty] = [
    (SLOPE.mean - slope) / SLOPE.deviation ** 2,
    -difficulty / DIFFICULTY_DEVIATION ** 2,
  ];
  let [aa, ab, bb] = [SLOPE.deviation ** -2, 0, DIFFICULTY_DEVIATION ** -2];
  abilities.forEach((v, i) => {
    const answer = answers[i]![j];
    if (answer === undefined) return;
    const p = chance(item, v);
    const weight = p * (1 - p);
    towardsSlope += v * (answer - p);
    towardsDifficulty -= answer - p;
    aa += weight * v * v;
    ab -= weight * v;
    bb += weight;
  });
  const determinant = aa * bb - ab * ab;
  const slopeStep = (bb * towardsSlope - ab * towardsDifficulty) / determinant;
  const difficultyStep = (aa * towardsDifficulty - ab * towardsSlope) / determinant;
  return {
    slope: Math.max(SLOPE.least, slope + limited(slopeStep)),
    difficulty: difficulty + limited(difficultyStep),
  };
}

/** Newton's step, never so long that it overshoots where curvature is small. */
function limited(step: number): number {
  return Math.max(-1, Math.min(1, step));
}
