// One run from its folder's state to its result: new, killed, extended or finished already, it is the same
// few lines. The lineage decides what is left to do.

import { canonicalJson } from "../../base/hash.ts";
import { itemCount } from "../../evals/workload.ts";
import type { Executor } from "../../exec/executor.ts";
import { type Lineage, openLineage } from "../../lineage/lineage.ts";
import { type Budget, plannedEvaluations } from "./budget.ts";
import { type Contest, choiceNotes } from "./contest.ts";
import { runEnding } from "./ending.ts";
import { estimateStopped } from "./estimates.ts";
import type { OnEvent } from "./events.ts";
import { objectiveName } from "./fitness.ts";
import { appendEvent, createRunFolder, type RunFolder, replaceFile, writeFront } from "./folder.ts";
import { canContinue, itemsEach, runGenerations } from "./generations.ts";
import { type Progress, startProgress } from "./progress.ts";
import { recipeFile } from "./recipe-file.ts";
import { RESULT_FINDING } from "./recorded.ts";
import type { EvolveResult } from "./results.ts";
import { baselineFailed, type Scoring, scoreEntrants } from "./scoring.ts";

export interface RunSetup {
  readonly contest: Contest;
  readonly folder: RunFolder;
  /** The search file, copied into the folder. */
  readonly configText: string;
  readonly budget: Budget;
  /** Versions, device and hashes of data files: recorded, not compared. */
  readonly environment: Readonly<Record<string, unknown>>;
  /** Candidates at once. */
  readonly workers: number;
  /** Threads of each worker, for a new run: an old one keeps what it began with. */
  readonly threads: number;
  /** Called once, when there is something to compute. */
  readonly openExecutor: (threads: number) => Executor;
  /** How the process before this one died, if a supervisor saw it. */
  readonly previousDeath: string | undefined;
  readonly onEvent: OnEvent;
  readonly signal: AbortSignal;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Finding: the budget that the recorded result was reached with. */
const FINISHED_BUDGET = "finished-budget";
/** Finding: threads of a worker; with another number, scores would differ in their last bits. */
const THREADS = "threads";

/**
 * Runs or continues the search in a folder, to its result.
 * @throws TsmergeError `lineage` if the folder holds another run; `interrupted` after the signal; the
 * error of a baseline that cannot be scored
 */
export async function runContest(setup: RunSetup): Promise<EvolveResult> {
  const { contest, folder, budget, now } = setup;
  createRunFolder(folder);
  const lineage = openLineage(folder.database, { now });
  let executor: Executor | undefined;
  try {
    const { identity } = contest;
    const began = lineage.begin({ identity, environment: setup.environment, budget });
    // equal in all that matters to the one that may be there: the identity is
    replaceFile(folder.config, setup.configText);
    const onEvent: OnEvent = (event) => {
      appendEvent(folder, event, new Date(now()));
      setup.onEvent(event);
    };
    // a user who asks again may have mended what no run can do without
    if (setup.previousDeath === undefined) lineage.candidates.retry(requiredIds(contest));
    const { failed } = lineage.candidates.takeUp(crashOf(setup.previousDeath));
    for (const label of failed) {
      onEvent({ type: "failed", label, message: lineage.candidates.get(label)!.error!.message });
    }
    announce(setup, lineage, began === "resumed", onEvent);
    const minutesBefore = workedMinutes(lineage, setup.workers);
    const finished = finishedResult(setup, lineage, minutesBefore);
    if (finished !== undefined) {
      writeResult(setup, finished);
      onEvent({ type: "finished", result: finished });
      return finished;
    }
    executor = setup.openExecutor(recordedThreads(lineage, setup.threads));
    const result = await compute(setup, lineage, executor, minutesBefore, onEvent);
    lineage.transaction(() => {
      lineage.putFinding(RESULT_FINDING, result);
      lineage.putFinding(FINISHED_BUDGET, budget);
      lineage.setStage("finished");
    });
    writeResult(setup, result);
    onEvent({ type: "finished", result });
    return result;
  } finally {
    await executor?.close();
    lineage.close();
  }
}

async function compute(
  setup: RunSetup,
  lineage: Lineage,
  executor: Executor,
  minutesBefore: number,
  onEvent: OnEvent,
): Promise<EvolveResult> {
  const { contest, budget, now, signal } = setup;
  const { candidates } = lineage;
  const progress = startProgress({
    lineage,
    onEvent,
    now,
    writeBest: ({ id }) => writeBest(setup, candidates.get(id)!.genome!, id),
  });
  const scoring: Scoring = {
    lineage,
    executor,
    tasks: contest.tasks,
    signal,
    now,
    onSettled: progress.settled,
    mayStart: () => true,
  };
  lineage.setStage("search");
  await scoreBaselines(contest, scoring, progress);
  const { done, failed } = candidates.counts();
  const planned = plannedEvaluations(
    budget,
    contest.strategy.populationSize(stateOf(contest, lineage)),
    itemsEach(contest, scoring),
  );
  progress.stage("search", planned, done + failed);
  const end = await runGenerations(contest, budget, minutesBefore, scoring, onEvent);
  if (contest.race?.estimate === "p-irt") estimateStopped(contest, scoring);
  onEvent({ type: "ended", reason: end.ended });
  return await runEnding(contest, end, scoring, (stage, count) => progress.stage(stage, count, 0));
}

/** Candidates that a run cannot end without: each baseline on each set of items. */
function requiredIds({ baselines }: Contest): string[] {
  return baselines.flatMap(({ label }) => [label, `selection:${label}`, `report:${label}`]);
}

/** @throws TsmergeError with the reason why a baseline has no score: a search could not be compared with it */
async function scoreBaselines(
  contest: Contest,
  scoring: Scoring,
  progress: Progress,
): Promise<void> {
  const { candidates } = scoring.lineage;
  const ids = candidates.add(
    contest.baselines.map(({ label, composition }) => ({
      kind: "baseline",
      label,
      parents: [],
      recipe: composition.text,
      recipeHash: composition.hash,
    })),
  );
  const { done } = candidates.counts("baseline");
  progress.stage("baselines", contest.baselines.length, done);
  const entrants = contest.baselines.map(({ composition }, index) => ({
    id: ids[index]!,
    plan: composition.plan,
    recipeHash: composition.hash,
    required: true,
  }));
  await scoreEntrants("search", contest.workloads.search, entrants, scoring);
  const broken = candidates.list({ kind: "baseline", status: "failed" })[0];
  if (broken?.error !== undefined) throw baselineFailed(broken.id, broken.error);
}

/** The stored result, unless this command's budget leaves room for more. */
function finishedResult(
  { contest, budget }: RunSetup,
  lineage: Lineage,
  minutesBefore: number,
): EvolveResult | undefined {
  if (lineage.run()?.stage !== "finished") return undefined;
  const same = canonicalJson(lineage.finding(FINISHED_BUDGET)) === canonicalJson(budget);
  if (!same && canContinue(contest, budget, { lineage }, minutesBefore)) return undefined;
  // written together with the stage, by this program
  return lineage.finding(RESULT_FINDING) as EvolveResult;
}

/**
 * The death, if a candidate can be to blame for it. SIGKILL comes from outside, by a user or by a kernel out of
 * memory, and candidates of one search all need the same memory: nobody is suspected.
 */
function crashOf(death: string | undefined): string | undefined {
  return death === "SIGKILL" ? undefined : death;
}

/** The number of threads that the run was begun with. */
function recordedThreads(lineage: Lineage, threads: number): number {
  const recorded = lineage.finding(THREADS);
  if (typeof recorded === "number") return recorded;
  lineage.putFinding(THREADS, threads);
  return threads;
}

/** Minutes that candidates of earlier processes took, side by side as they would run now. */
function workedMinutes(lineage: Lineage, workers: number): number {
  const ms = lineage.candidates
    .list({ kind: "search" })
    .reduce((sum, { mergeMs, scoreMs }) => sum + (mergeMs ?? 0) + (scoreMs ?? 0), 0);
  return ms / 60_000 / workers;
}

/** The strategy's state: recorded, or what it begins with. A larger budget alone may begin otherwise. */
function stateOf({ strategy, problem }: Contest, lineage: Lineage): unknown {
  return lineage.currentGeneration()?.state ?? strategy.initial(problem);
}

function announce(
  { contest, folder, budget }: RunSetup,
  lineage: Lineage,
  resumed: boolean,
  onEvent: OnEvent,
): void {
  const { strategy, problem, workloads, seed } = contest;
  const state = stateOf(contest, lineage);
  for (const text of choiceNotes(strategy, state)) onEvent({ type: "note", text });
  onEvent({
    type: "started",
    folder: folder.path,
    resumed,
    dimension: problem.start.length,
    strategy: strategy.name,
    population: strategy.populationSize(state),
    seed,
    metric: objectiveName(contest.tasks),
    budget,
    items: {
      search: itemCount(workloads.search),
      selection: itemCount(workloads.selection),
      report: itemCount(workloads.report),
    },
  });
}

/** The best of the search so far, until the run ends and its winner takes the place. */
function writeBest(setup: RunSetup, genome: readonly number[], id: string): string {
  const composition = setup.contest.compose(genome);
  const line = `candidate ${id}: best on the search items so far, not tested on others yet`;
  replaceFile(setup.folder.bestConfig, recipeFile(setup.contest, composition, [line]));
  return setup.folder.bestConfig;
}

/** Writes what can be written again at any time from the stored result. */
function writeResult({ folder }: RunSetup, result: EvolveResult): void {
  replaceFile(folder.bestConfig, result.winner.recipe);
  if (result.front !== undefined) {
    writeFront(
      folder.front,
      result.front.map(({ recipe }) => recipe),
    );
  }
  replaceFile(folder.results, `${JSON.stringify(result, null, 2)}\n`);
}
