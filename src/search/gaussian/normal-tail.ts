// The upper tail of the standard normal distribution and its inverse, to the last digits also far out, where
// simple-statistics' approximations keep three. Nothing else of the distribution.

const ROOT_TWO_PI = Math.sqrt(2 * Math.PI);
/** From here on the continued fraction, below the series has all its digits. */
const FAR = 3;
const FRACTION_TERMS = 40;
const MAX_NEWTON_STEPS = 50;

/** P(Z > z). */
export function upperTail(z: number): number {
  if (z < 0) return 1 - upperTail(-z);
  const density = Math.exp((-z * z) / 2) / ROOT_TWO_PI;
  if (z >= FAR) {
    // Laplace's fraction φ(z) / (z + 1/(z + 2/(z + …))), Abramowitz & Stegun 26.2.14
    let below = z;
    for (let k = FRACTION_TERMS; k > 0; k--) below = z + k / below;
    return density / below;
  }
  // ½ − φ(z) (z + z³/3 + z⁵/(3·5) + …), Abramowitz & Stegun 26.2.11
  let [term, sum] = [z, z];
  for (let k = 3; term > sum * Number.EPSILON; k += 2) {
    term *= (z * z) / k;
    sum += term;
  }
  return 0.5 - density * sum;
}

/** The z of P(Z > z) = p, for 1e-10 ≤ p ≤ ½. */
export function upperQuantile(p: number): number {
  // Newton on the tail's logarithm: it is concave, so no step leads astray
  let z = 0;
  for (let i = 0; i < MAX_NEWTON_STEPS; i++) {
    const tail = upperTail(z);
    const density = Math.exp((-z * z) / 2) / ROOT_TWO_PI;
    const step = (Math.log(tail / p) * tail) / density;
    z += step;
    if (Math.abs(step) <= Number.EPSILON * z) break;
  }
  return z;
}
