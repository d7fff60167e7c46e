// Random numbers for strategies as pure functions of a stream and an index: nothing is consumed, so a
// candidate's numbers do not depend on which candidates were drawn before it.

import { type StreamKey, uniform } from "../base/counter-rng.ts";

/** The i-th standard normal deviate of a stream (Box & Muller 1958, the cosine branch). */
export function normal(key: StreamKey, i: number): number {
  const radius = Math.sqrt(-2 * Math.log(uniform(key, 2 * i)));
  return radius * Math.cos(2 * Math.PI * uniform(key, 2 * i + 1));
}

/** A fair choice of 0..count-1: the i-th uniform of a stream, scaled. */
export function choice(key: StreamKey, i: number, count: number): number {
  return Math.floor(uniform(key, i) * count);
}
