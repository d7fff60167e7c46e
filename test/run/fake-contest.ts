// A contest without models: a genome is right or wrong about items by a formula, and the plan's config
// carries the genome to whoever pretends to score it.

import { streamKey, uniform } from "../../src/base/counter-rng.ts";
import { contentHash } from "../../src/base/hash.ts";
import type { Workload } from "../../src/evals/workload.ts";
import type {
  BatchReport,
  CandidateJob,
  CandidateOutcome,
  Executor,
} from "../../src/exec/executor.ts";
import type { BatchResult } from "../../src/model/batch.ts";
import type { Budget } from "../../src/run/evolve/budget.ts";
import type { Composition, Contest } from "../../src/run/evolve/contest.ts";
import { runFolder } from "../../src/run/evolve/folder.ts";
import type { RunSetup } from "../../src/run/evolve/run.ts";
import { type RaceRules, rungEnds } from "../../src/search/race.ts";
import { strategyNamed } from "../../src/search/strategies/registry.ts";
import { fakeSchedule } from "../exec/fakes.ts";

/** `items` questions of two choices, one item a batch; the first choice is right. */
export function fakeWorkload(name: string, items: number, rungEnds = [items]): Workload {
  const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
  return {
    name,
    schedule: fakeSchedule(items),
    items: range(items).map((docId) => ({
      task: "fake",
      docId,
      hash: `${name}-${docId}`,
      gold: 0,
      choiceLengths: [1, 1],
    })),
    rungs: rungEnds.map((end) => ({ items: end, batches: end, generations: 0 })),
    choiceStarts: Int32Array.from(range(items + 1), (i) => 2 * i),
    targetStarts: Int32Array.from(range(2 * items + 1)),
    targetBatches: Int32Array.from(range(2 * items), (i) => i >> 1),
    targetIndices: Int32Array.from(range(2 * items), (i) => i & 1),
    promptStarts: new Int32Array(items + 1),
    promptPlaces: { generations: new Int32Array(0), texts: new Int32Array(0) },
    counts: { seams: 0, separate: 0, truncated: 0 },
  };
}

/** How a genome answers an item: the nearer to (0.7, 0.3), the surer of the right choice. */
export function fakeResult(
  genome: readonly number[],
  workload: string,
  batch: number,
): BatchResult {
  const distance = Math.hypot(...genome.map((gene, i) => gene - [0.7, 0.3][i % 2]!));
  const difficulty = uniform(streamKey("fake", workload, batch), 0) * 2;
  const margin = 2 - 4 * distance - difficulty;
  const right = -Math.log1p(Math.exp(-margin));
  const wrong = -Math.log1p(Math.exp(margin));
  return { logProbs: Float32Array.of(right, wrong), greedy: Uint8Array.of(0, 0) };
}

export const FAKE_TASK = {
  name: "fake",
  weight: 1,
  metric: "logprob",
  reported: "acc",
  isMinimised: false,
  isCounted: true,
  leaves: ["fake"],
} as const;

/** Enough to show the difference between a parent and the best genome. */
const REPORT_ITEMS = 200;

export interface FakeOptions {
  readonly strategy?: string;
  readonly population?: number;
  readonly seed?: number;
  readonly items?: number;
  readonly race?: RaceRules;
  /** Extra members of a candidate's plan config. */
  readonly config?: (genome: readonly number[]) => Record<string, unknown>;
}

export function fakeContest(options: FakeOptions = {}): Contest {
  const { strategy = "cmaes", population = 4, seed = 1, items = 20, race } = options;
  const compose = (genome: readonly number[]): Composition => {
    const extra = options.config?.(genome) ?? {};
    const recipe = {
      method: "linear",
      slices: [
        {
          sources: genome.map((weight, i) => ({ model: `model-${i}`, parameters: { weight } })),
          parameters: {},
        },
      ],
      parameters: {},
    };
    return {
      recipe,
      text: JSON.stringify(recipe),
      plan: {
        models: [],
        tensors: [],
        seed,
        compat: false,
        config: { genome: [...genome], ...extra },
        donor: "",
      },
      hash: contentHash(genome),
    };
  };
  return {
    identity: { strategy, population, seed, items },
    ...{ seed, race },
    strategy: strategyNamed(strategy),
    problem: { lower: [0, 0], upper: [1, 1], start: [0.3, 0.5], sigma: 0.2, population, seed },
    compose,
    baselines: [
      { role: "base", label: "base", composition: compose([0, 0]) },
      { role: "parent", label: "parent:a", composition: compose([1, 0]) },
      { role: "parent", label: "parent:b", composition: compose([0, 1]) },
      { role: "equal", label: "equal weights", composition: compose([0.5, 0.5]) },
    ],
    workloads: {
      search: fakeWorkload("search", items, race && rungEnds(items, race)),
      selection: fakeWorkload("selection", items),
      report: fakeWorkload("report", REPORT_ITEMS),
    },
    tasks: [FAKE_TASK],
    provenance: {},
  };
}

/** An executor in this thread; `answer` makes the result of a batch or throws. */
export class FakeExecutor implements Executor {
  readonly slots: number;
  /** Jobs in the order they came. */
  readonly jobs: CandidateJob[] = [];
  readonly #contest: Contest;
  readonly #answer: typeof fakeResult;

  constructor(contest: Contest, slots = 2, answer: typeof fakeResult = fakeResult) {
    this.#contest = contest;
    this.slots = slots;
    this.#answer = answer;
  }

  async submit(
    job: CandidateJob,
    onBatch: (report: BatchReport) => void,
  ): Promise<CandidateOutcome> {
    this.jobs.push(job);
    const { genome, fail } = job.plan.config as { genome: number[]; fail?: boolean }; // fakeContest's
    await new Promise((resolve) => setImmediate(resolve));
    if (fail === true) {
      return { ok: false, id: job.id, error: { code: "numeric", message: "not finite" } };
    }
    for (const { name, done } of job.workloads) {
      const workload = Object.values(this.#contest.workloads).find((one) => one.name === name)!;
      for (const batch of workload.schedule.batches.keys()) {
        if (done.includes(batch)) continue;
        const result = this.#answer(genome, name, batch);
        onBatch({ id: job.id, workload: name, batch, result });
      }
    }
    return { ok: true, id: job.id, mergeMs: 1, scoreMs: 1 };
  }

  async close(): Promise<void> {}
}

/** A run of a contest in a folder, by an executor that may be of this thread. */
export function fakeSetup(
  path: string,
  budget: Budget,
  contest: Contest,
  executor: Executor,
): RunSetup {
  return {
    contest,
    folder: runFolder(path),
    configText: "genome: {}\n",
    budget,
    environment: {},
    workers: executor.slots,
    threads: 1,
    openExecutor: () => executor,
    previousDeath: undefined,
    onEvent: () => {},
    signal: new AbortController().signal,
    now: Date.now,
  };
}
