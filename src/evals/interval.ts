// The 95 % interval of a mean: ±1.96 standard errors, on the scale where a metric's errors are even, and never
// beyond the values that it can take. Shares of right answers have Wilson's instead.

import { type Estimate, isLowerBetter, type MetricKey } from "./metrics.ts";
import { type Bounds, Z95 } from "./statistics/statistics.ts";

/**
 * The interval around an estimate; null where no standard error is known.
 * @param metric of which it is; undefined for a mean of several, which has no bounds of its own
 */
export function intervalAround({ value, stderr }: Estimate, metric?: MetricKey): Bounds | null {
  if (stderr === null) return null;
  if (metric?.endsWith("perplexity")) {
    const factor = Math.exp((Z95 * stderr) / value); // sd of ln x is sd(x)/x by the delta method
    return { low: value / factor, high: value * factor };
  }
  const { low, high } = rangeOf(metric);
  const half = Z95 * stderr;
  return { low: Math.max(low, value - half), high: Math.min(high, value + half) };
}

/** What a metric's mean can be. */
function rangeOf(metric: MetricKey | undefined): Bounds {
  const unbounded = { low: -Infinity, high: Infinity };
  if (metric === undefined || metric === "score") return unbounded;
  if (metric === "logprob") return { low: -Infinity, high: 0 };
  return isLowerBetter(metric) ? { low: 0, high: Infinity } : { low: 0, high: 1 };
}
