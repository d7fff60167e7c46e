// The constants of active CMA-ES, all functions of the dimension and the population: table 1 of
// Hansen, "The CMA Evolution Strategy: A Tutorial" (arXiv:1604.00772), with its equation numbers.

export interface CmaesParameters {
  /** Population λ. */
  readonly lambda: number;
  /** Parents μ: the candidates that move the mean. */
  readonly mu: number;
  /** Recombination weights by rank, [λ]; the worse half is negative. */
  readonly weights: readonly number[];
  /** Variance-effective selection mass of the positive weights, μ_eff. */
  readonly muEff: number;
  /** Learning rates of the rank-one and the rank-μ update. */
  readonly c1: number;
  readonly cMu: number;
  /** Time constants of the two evolution paths, and the step size's damping. */
  readonly cC: number;
  readonly cSigma: number;
  readonly dSigma: number;
  /** E‖N(0, I)‖. */
  readonly chi: number;
}

/** Keeps 1 - c1 - cμ above zero for very large populations, where eq. 58's minimum binds. */
const GUARD = 1e-8;

/** The tutorial's population for n genes: 4 + ⌊3 ln n⌋ (eq. 48). */
export function defaultPopulation(n: number): number {
  return 4 + Math.floor(3 * Math.log(n));
}

/** All strategy constants for n genes and a population of `lambda` ≥ 2. */
export function cmaesParameters(n: number, lambda: number): CmaesParameters {
  const mu = Math.floor(lambda / 2);
  const raw = Array.from(
    { length: lambda },
    (_, i) => Math.log((lambda + 1) / 2) - Math.log(i + 1), // eq. 49
  );
  const muEff = effectiveMass(raw.slice(0, mu));
  const muEffNegative = effectiveMass(raw.slice(mu));

  const c1 = 2 / ((n + 1.3) ** 2 + muEff); // eq. 57
  const cMu = Math.min(
    1 - c1 - GUARD,
    (2 * (muEff - 2 + 1 / muEff)) / ((n + 2) ** 2 + muEff), // eq. 58
  );

  const negativeMass = Math.min(
    1 + c1 / cMu, // eq. 50
    1 + (2 * muEffNegative) / (muEff + 2), // eq. 51
    (1 - c1 - cMu) / (n * cMu), // eq. 52
  );
  const positiveSum = total(raw.filter((w) => w >= 0));
  const negativeSum = total(raw.filter((w) => w < 0).map(Math.abs));
  const weights = raw.map((w) => (w >= 0 ? w / positiveSum : (negativeMass * w) / negativeSum)); // eq. 53

  const cSigma = (muEff + 2) / (n + muEff + 5); // eq. 55
  const dSigma = 1 + cSigma + 2 * Math.max(0, Math.sqrt((muEff - 1) / (n + 1)) - 1); // eq. 55
  const cC = (4 + muEff / n) / (n + 4 + (2 * muEff) / n); // eq. 56
  const chi = Math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));
  return { lambda, mu, weights, muEff, c1, cMu, cC, cSigma, dSigma, chi };
}

/** (Σw)² / Σw², the number of equally weighted samples with the same variance of their mean. */
export function effectiveMass(weights: readonly number[]): number {
  return total(weights) ** 2 / total(weights.map((w) => w * w));
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
