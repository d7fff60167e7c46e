// The public door to a search: options in, events while it goes, a result out. What it needs of the
// outside (executor, clock, signal) comes in as arguments.

import { setMaxListeners } from "node:events";
import type { Workload } from "../../evals/workload.ts";
import type { Executor } from "../../exec/executor.ts";
import { LocalExecutor, type LocalExecutorOptions } from "../../exec/local.ts";
import { OutsideExecutor } from "../../exec/outside.ts";
import { resultCount } from "../../model/batch.ts";
import { writeModel } from "../merge/merge.ts";
import { shareMachine, workerBytes } from "../resources.ts";
import { VERSIONS } from "../versions.ts";
import type { OnEvent } from "./events.ts";
import { runFolder } from "./folder.ts";
import type { EvolveOptions } from "./options.ts";
import { outlineOf } from "./outline.ts";
import { askedWorkers } from "./outside-tasks.ts";
import { contestOf } from "./prepare.ts";
import type { EvolveResult } from "./results.ts";
import { runContest } from "./run.ts";

export interface EvolveHooks {
  readonly onEvent?: OnEvent | undefined;
  /** Aborting keeps every finished batch; the same call continues. */
  readonly signal?: AbortSignal | undefined;
  /** Where candidates run: worker threads of this process unless given. */
  readonly executorFactory?: ((options: LocalExecutorOptions) => Executor) | undefined;
  /** The signal by which the process before this one died, if a supervisor saw it. */
  readonly previousDeath?: string | undefined;
  /** Milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
}

/**
 * Searches for a merge: starts, continues or extends the run in `options.runFolder`, or returns its result
 * if it is finished.
 * @throws TsmergeError `usage`, `config` or `data` before anything is computed; `lineage` when the folder
 * holds another run; `interrupted` after the signal
 */
export async function evolve(
  options: EvolveOptions,
  hooks: EvolveHooks = {},
): Promise<EvolveResult> {
  const onEvent = hooks.onEvent ?? (() => {});
  const outline = await outlineOf(options);
  for (const text of outline.notes) onEvent({ type: "note", text });
  const contest = await contestOf(outline);
  const { device, workloads } = outline;
  const { sources } = outline.items;
  const bytes = workerBytes(outline.models, outline.config.genome);
  const { workers, threads } = shareMachine(askedWorkers(options.workers, sources), device, bytes);
  const folder = runFolder(options.runFolder);
  const signal = hooks.signal ?? new AbortController().signal;
  setMaxListeners(0, signal); // each candidate in work listens, and there may be many workers
  const open = hooks.executorFactory ?? ((local) => new LocalExecutor(local));
  return await runContest({
    contest,
    folder,
    configText: options.text,
    budget: outline.budget,
    environment: { ...VERSIONS, device, workers, data: outline.items.files },
    workers,
    threads,
    openExecutor,
    previousDeath: hooks.previousDeath,
    onEvent,
    signal,
    now: hooks.now ?? Date.now,
  });

  function openExecutor(recorded: number): Executor {
    const local = (): Executor =>
      open({ device, workers, threads: recorded, schedule: (name) => named(name).schedule });
    if (sources.size === 0) return local();
    const innerResults = ({ schedule, outside = [] }: Workload): number =>
      resultCount(schedule) - outside.length;
    const isNeeded = Object.values(workloads).some((workload) => innerResults(workload) > 0);
    return new OutsideExecutor({
      ...{ slots: workers, sources, writeModel, folder: folder.outside },
      inner: isNeeded ? local() : undefined,
      workload: (name) => {
        const workload = named(name);
        return { innerResults: innerResults(workload), parts: workload.outside ?? [] };
      },
    });
  }

  function named(name: string): Workload {
    return Object.values(workloads).find((workload) => workload.name === name)!; // the run's own names
  }
}
