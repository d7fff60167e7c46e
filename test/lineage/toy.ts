// A search small enough to run in milliseconds, taken through every transition a real one makes. It says
// after each commit what is now on disk, and continues from wherever the database is.

import type { Lineage } from "../../src/lineage/lineage.ts";
import { type Candidate, type NewCandidate, searchId } from "../../src/lineage/records.ts";

export const GENERATIONS = 4;
export const POPULATION = 3;
export const BATCHES = 4;
export const IDENTITY = { config: { strategy: "toy", population: POPULATION }, seed: 7 };

interface ToyState {
  readonly generation: number;
  readonly sum: number;
}

function asked(state: ToyState): NewCandidate[] {
  return Array.from({ length: POPULATION }, (_, k) => {
    const gene = Math.sin(state.sum + k);
    return {
      kind: "search" as const, // the literal, not string
      position: { generation: state.generation, k },
      genome: [gene],
      parents: state.generation === 0 ? [] : [searchId(state.generation - 1, k)],
      recipe: `weight: ${gene}\n`,
      // the last candidate of each generation repeats the first one's recipe
      recipeHash: `recipe-${state.generation}-${k % (POPULATION - 1)}`,
    };
  });
}

function batchResult(recipeHash: string, batch: number) {
  const base = [...recipeHash].reduce((sum, letter) => sum + letter.charCodeAt(0), 0);
  return {
    logProbs: Float32Array.of(-base / 1000, -batch / 7),
    greedy: Uint8Array.of(batch % 2, 1),
  };
}

function score(lineage: Lineage, { recipeHash }: Candidate): number {
  const results = [...lineage.results.batches(recipeHash, "search").values()];
  return results.reduce((sum, { logProbs }) => sum + logProbs[0]! + logProbs[1]!, 0);
}

/** Runs or continues the search to its end. `committed` is told of each transition once it is durable. */
export function search(lineage: Lineage, committed: (transition: string) => void): void {
  lineage.begin({ identity: IDENTITY, environment: {}, budget: {} });
  lineage.candidates.takeUp(undefined);
  lineage.beginSearch({ generation: 0, sum: 0 } satisfies ToyState);
  for (;;) {
    const { number, state } = lineage.currentGeneration()!;
    if (number === GENERATIONS) break;
    const toy = state as ToyState; // what this file stored
    const ids = lineage.candidates.add(asked(toy));
    for (const id of ids) evaluate(lineage, id, committed);
    const sum = ids.reduce((total, id) => total + (lineage.candidates.get(id)?.fitness ?? 0), 0);
    lineage.tellGeneration(number, { generation: number + 1, sum: toy.sum + sum });
    committed(`told ${number}`);
  }
  lineage.setStage("finished");
}

function evaluate(lineage: Lineage, id: string, committed: (transition: string) => void): void {
  const candidate = lineage.candidates.get(id)!;
  if (candidate.status === "done" || candidate.status === "failed") return;
  const { recipeHash } = candidate;
  if (lineage.candidates.settledTwin(recipeHash) === undefined) {
    lineage.candidates.start(id);
    committed(`started ${id}`);
    const done = new Set(lineage.results.completedBatches(recipeHash, "search"));
    for (let batch = 0; batch < BATCHES; batch++) {
      if (done.has(batch)) continue;
      const result = batchResult(recipeHash, batch);
      lineage.results.recordBatches([{ recipeHash, workload: "search", batch, result }]);
      committed(`batch ${recipeHash} ${batch}`);
    }
  }
  lineage.transaction(() => {
    const value = score(lineage, candidate);
    lineage.candidates.finish(id, { fitness: value });
    const key = { recipeHash, split: "search" as const, task: "toy", metric: "logprob" }; // the literal
    lineage.results.putScores([{ ...key, n: 2 * BATCHES, value }]);
  });
  committed(`done ${id}`);
}

/** What must be equal however often the search was killed: all but attempts and times. */
export function outcome(lineage: Lineage): unknown {
  const candidates = lineage.candidates.list().map(({ attempts, ...rest }) => rest);
  return { candidates, scores: lineage.results.scores(), generations: lineage.generations() };
}

/** What must hold at any moment; returns the sentences that do not. */
export function violations(lineage: Lineage): string[] {
  const current = lineage.currentGeneration()?.number ?? 0;
  return lineage.candidates.list().flatMap(({ id, position, recipeHash, status, attempts }) => {
    const batches = lineage.results.completedBatches(recipeHash, "search").length;
    const past = position!.generation < current;
    return [
      ...(past && status !== "done" ? [`${id} is ${status} though its generation was told`] : []),
      ...(status === "done" && batches !== BATCHES
        ? [`${id} is done with ${batches} batches`]
        : []),
      ...(status === "running" && attempts === 0 ? [`${id} runs without an attempt`] : []),
      ...(status === "done" && lineage.results.scores({ recipeHash }).length !== 1
        ? [`${id} is done without its score`]
        : []),
    ];
  });
}

/** Whether a transition that was reported as durable is there. */
export function recorded(lineage: Lineage, transition: string): boolean {
  const [kind, subject, batch] = transition.split(" ");
  if (kind === "told") return (lineage.currentGeneration()?.number ?? 0) > Number(subject);
  if (kind === "batch") {
    return lineage.results.completedBatches(subject!, "search").includes(Number(batch));
  }
  const candidate = lineage.candidates.get(subject!);
  return kind === "done" ? candidate?.status === "done" : (candidate?.attempts ?? 0) > 0;
}
