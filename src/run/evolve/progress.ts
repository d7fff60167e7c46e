// Turns settled candidates into events: a progress event for each, a line for each new best. Keeps nothing
// that the lineage does not know; a resumed run starts from its recorded best.

import type { Estimate } from "../../evals/metrics.ts";
import type { Lineage } from "../../lineage/lineage.ts";
import type { BestSoFar, OnEvent, Stage } from "./events.ts";
import { startPace } from "./pace.ts";
import type { Entrant } from "./scoring.ts";

export interface Progress {
  /** Begins a stage of `total` candidates, `done` of them settled before. */
  stage(stage: Stage, total: number | undefined, done: number): void;
  settled(entrant: Entrant, fitness: Estimate | undefined, stopped?: boolean): void;
}

export interface ProgressOptions {
  readonly lineage: Lineage;
  readonly onEvent: OnEvent;
  readonly now: () => number;
  /** Writes the recipe of a new best and returns the file. */
  readonly writeBest: (entrant: Entrant) => string;
}

/** Speaks for one process's share of a run. */
export function startProgress({ lineage, onEvent, now, writeBest }: ProgressOptions): Progress {
  const pace = startPace(now);
  const [recorded] = lineage.candidates.best();
  let best =
    recorded && bestOf(recorded.id, lineage.results.fitness(recorded.recipeHash, "search"));
  let current: { stage: Stage; total: number | undefined; done: number } | undefined;

  const bestBaseline = (): number | undefined => {
    const scores = lineage.candidates
      .list({ kind: "baseline" })
      .flatMap(({ fitness }) => (fitness === undefined ? [] : [fitness]));
    return scores.length === 0 ? undefined : Math.max(...scores);
  };

  const newBest = (entrant: Entrant, estimate: Estimate, evaluation: number): void => {
    const baseline = bestBaseline();
    const { value, n, stderr } = estimate;
    best = bestOf(entrant.id, estimate);
    onEvent({
      type: "newBest",
      label: entrant.id,
      generation: lineage.candidates.get(entrant.id)?.position?.generation ?? 0,
      evaluation,
      score: value,
      stderr: stderr ?? undefined,
      n,
      delta: baseline === undefined ? undefined : value - baseline,
      file: writeBest(entrant),
    });
  };

  return {
    stage(stage, total, done) {
      current = { stage, total, done };
      onEvent({ type: "stage", stage, candidates: total });
    },
    settled(entrant, fitness, stopped = false) {
      if (current === undefined) return;
      current.done++;
      pace.tick();
      const { stage, total, done } = current;
      if (fitness === undefined) {
        const { message } = lineage.candidates.get(entrant.id)?.error ?? { message: "unknown" };
        onEvent({ type: "failed", label: entrant.id, message });
      } else {
        onEvent({ type: "scored", stage, label: entrant.id, score: fitness.value });
        const isBest = !stopped && (best === undefined || fitness.value > best.score);
        if (stage === "search" && isBest) newBest(entrant, fitness, done);
      }
      const perMinute = pace.perMinute();
      const etaSeconds =
        perMinute === undefined || total === undefined
          ? undefined
          : ((total - done) / perMinute) * 60;
      onEvent({ type: "progress", stage, done, total, perMinute, etaSeconds, best });
    },
  };
}

/** The best so far as events tell it; undefined without a score. */
function bestOf(
  label: string,
  estimate: { value: number; n: number; stderr?: number | null } | undefined,
): BestSoFar | undefined {
  if (estimate === undefined) return undefined;
  const { value: score, n, stderr } = estimate;
  return { label, score, n, stderr: stderr ?? undefined };
}
