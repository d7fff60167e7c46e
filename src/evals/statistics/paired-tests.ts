// Is one model worse than another on the same items? One-sided tests for racing, where candidates are
// stopped early. The report's own test is statistics.ts' exact McNemar: these trade exactness for power.

import { errorFunction } from "simple-statistics";

/**
 * One-sided mid-p McNemar: P(X < gained) + P(X = gained) / 2 for X binomial in gained + lost at 1/2
 * (Lancaster 1961; Fagerland, Lydersen & Laake 2013, doi:10.1186/1471-2288-13-91). Small when the first
 * model is worse; 1/2 when no item differs.
 * @param gained items that only the first model has right
 * @param lost items that only the second has right
 */
export function midPMcnemar(gained: number, lost: number): number {
  const n = gained + lost;
  // In logarithms, since 2⁻ⁿ underflows.
  let logTerm = -n * Math.LN2;
  let below = 0;
  for (let k = 0; k < gained; k++) {
    below += Math.exp(logTerm);
    logTerm += Math.log((n - k) / (k + 1));
  }
  return below + Math.exp(logTerm) / 2;
}

/**
 * One-sided Wilcoxon signed-rank test (Wilcoxon 1945) by the normal approximation with the correction for
 * ties; ranks of zero differences count half on either side. Small when the differences lie below zero; 1/2
 * when there is nothing to rank.
 * @param differences the first model's value minus the second's, [items]
 */
export function wilcoxonSignedRank(differences: readonly number[]): number {
  const n = differences.length;
  const sorted = [...differences].sort((a, b) => Math.abs(a) - Math.abs(b));
  let positive = 0;
  let ties = 0;
  for (let from = 0; from < n; ) {
    let to = from + 1;
    while (to < n && Math.abs(sorted[to]!) === Math.abs(sorted[from]!)) to++;
    const rank = (from + 1 + to) / 2;
    const size = to - from;
    for (let i = from; i < to; i++) {
      positive += sorted[i]! > 0 ? rank : sorted[i] === 0 ? rank / 2 : 0;
    }
    ties += size * (size * size - 1);
    from = to;
  }
  const variance = (n * (n + 1) * (2 * n + 1) - ties / 2) / 24;
  if (variance === 0) return 0.5;
  const z = (positive - (n * (n + 1)) / 4) / Math.sqrt(variance);
  return (1 + errorFunction(z / Math.SQRT2)) / 2;
}
