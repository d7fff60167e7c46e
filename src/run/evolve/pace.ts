// Candidates a minute and the time that is left, from the last few finishes of this process.

/** Finishes that the rate is taken over: long enough to be calm, short enough to follow a slower machine load. */
const WINDOW = 30;

export interface Pace {
  /** Call once for each finished candidate. */
  tick(): void;
  /** Undefined until two candidates are done. */
  perMinute(): number | undefined;
}

/** @param now a clock in milliseconds */
export function startPace(now: () => number): Pace {
  const finishes = [now()];
  return {
    tick() {
      finishes.push(now());
      if (finishes.length > WINDOW + 1) finishes.shift();
    },
    perMinute() {
      const elapsedMs = finishes.at(-1)! - finishes[0]!;
      if (finishes.length < 3 || elapsedMs <= 0) return undefined;
      return ((finishes.length - 1) * 60_000) / elapsedMs;
    },
  };
}
