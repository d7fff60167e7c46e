// An executor around another one: what the other cannot score, because it belongs to a user's program or to an
// endpoint, is scored here on a model folder that is written for it and deleted afterwards.

import { mkdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { toWire } from "../base/errors.ts";
import type { Answer, Item } from "../evals/item.ts";
import { parseMeasurement } from "../evals/measurement.ts";
import { type OutsidePart, outsideResult } from "../evals/outside.ts";
import type { MergePlan } from "../merge/plan.ts";
import type { CommandSource, EndpointSource, TaskSource } from "../recipe/search/task-choice.ts";
import { type EndpointOptions, endpointAnswer, endpointReady } from "./endpoint.ts";
import type { BatchReport, CandidateJob, CandidateOutcome, Executor } from "./executor.ts";
import { filled, interruptedProgram, runProgram, startProgram } from "./program.ts";

/** A workload's results: the inner executor's, numbered from 0, and then those of the outside. */
export interface OutsideWorkload {
  readonly innerResults: number;
  readonly parts: readonly OutsidePart[];
}

export interface OutsideOptions {
  /** Scores the rest; absent where there is no rest. */
  readonly inner: Executor | undefined;
  readonly slots: number;
  readonly workload: (name: string) => OutsideWorkload;
  /** By name of task. */
  readonly sources: ReadonlyMap<string, TaskSource>;
  /** Emptied now and filled with one model for each candidate in work. */
  readonly folder: string;
  /** Writes a model into a folder that does not exist yet. */
  readonly writeModel: (plan: MergePlan, folder: string, signal: AbortSignal) => Promise<unknown>;
}

interface Outstanding {
  readonly part: OutsidePart;
  readonly workload: string;
  readonly batch: number;
}

export class OutsideExecutor implements Executor {
  readonly slots: number;
  readonly #options: OutsideOptions;
  #jobs = 0;

  constructor(options: OutsideOptions) {
    this.slots = options.slots;
    this.#options = options;
    rmSync(options.folder, { recursive: true, force: true }); // an earlier process may have been killed
  }

  /**
   * Runs one candidate.
   * @throws TsmergeError `interrupted` when the signal aborted; what onBatch and the inner executor throw
   */
  async submit(
    job: CandidateJob,
    onBatch: (report: BatchReport) => void,
    signal: AbortSignal,
  ): Promise<CandidateOutcome> {
    const { inner, workload } = this.#options;
    const here = job.workloads.filter(({ name, done }) => {
      const { innerResults } = workload(name);
      return done.filter((batch) => batch < innerResults).length < innerResults;
    });
    let [mergeMs, scoreMs] = [0, 0];
    if (inner !== undefined && here.length > 0) {
      const outcome = await inner.submit({ ...job, workloads: here }, onBatch, signal);
      if (!outcome.ok) return outcome;
      ({ mergeMs, scoreMs } = outcome);
    }
    const left = job.workloads.flatMap(({ name, done }) => {
      const { innerResults, parts } = workload(name);
      const all = parts.map((part, index): Outstanding => {
        return { part, workload: name, batch: innerResults + index };
      });
      return all.filter(({ batch }) => !done.includes(batch));
    });
    if (left.length === 0) return { ok: true, id: job.id, mergeMs, scoreMs };
    let unheard: { readonly error: unknown } | undefined;
    const tell = (report: BatchReport): void => {
      try {
        onBatch(report);
      } catch (error) {
        unheard = { error };
        throw error;
      }
    };
    try {
      const times = await this.#scoreOutside(job, left, tell, signal);
      return {
        ok: true,
        id: job.id,
        mergeMs: mergeMs + times.mergeMs,
        scoreMs: scoreMs + times.scoreMs,
      };
    } catch (error) {
      if (unheard !== undefined) throw unheard.error; // no fault of the candidate's
      if (signal.aborted) throw interruptedProgram();
      return { ok: false, id: job.id, error: toWire(error) };
    }
  }

  async #scoreOutside(
    { id, plan }: CandidateJob,
    left: readonly Outstanding[],
    onBatch: (report: BatchReport) => void,
    signal: AbortSignal,
  ): Promise<{ mergeMs: number; scoreMs: number }> {
    const { folder, writeModel, sources } = this.#options;
    mkdirSync(folder, { recursive: true });
    const model = join(folder, String(this.#jobs++));
    const started = performance.now();
    try {
      await writeModel(plan, model, signal);
      const written = performance.now();
      for (const [task, source] of sources) {
        const own = left.filter(({ part }) => part.task === task);
        const report = (
          { workload, batch }: Outstanding,
          answer: string | readonly Answer[],
        ): void => onBatch({ id, workload, batch, result: outsideResult(answer) });
        if (own.length === 0) continue;
        if (source.kind === "command") {
          for (const each of own) report(each, await measure(source, model, each.workload, signal));
        } else {
          await withEndpoint(source, model, signal, async (options) => {
            for (const each of own) {
              if (each.part.kind === "http") {
                report(each, await answerAll(each.part.items, options, source.parallel));
              }
            }
          });
        }
      }
      return { mergeMs: written - started, scoreMs: performance.now() - written };
    } finally {
      rmSync(model, { recursive: true, force: true });
    }
  }

  async close(): Promise<void> {
    await this.#options.inner?.close();
    rmSync(this.#options.folder, { recursive: true, force: true });
  }
}

/** What the program prints, checked; asked again after a failure as often as the task says. */
async function measure(
  { command, timeoutSeconds, retries }: CommandSource,
  model: string,
  split: string,
  signal: AbortSignal,
): Promise<string> {
  const line = filled(command, { model, split });
  for (let attempt = 0; ; attempt++) {
    try {
      const printed = await runProgram(line, { timeoutMs: timeoutSeconds * 1000, signal });
      return JSON.stringify(parseMeasurement(printed));
    } catch (error) {
      if (signal.aborted || attempt >= retries) throw error;
    }
  }
}

/** Answers in order of the items, several requests at once. */
async function answerAll(
  items: readonly Item[],
  options: EndpointOptions,
  parallel: number,
): Promise<Answer[]> {
  const answers = new Array<Answer>(items.length);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      answers[index] = await endpointAnswer(items[index]!, options);
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: parallel }, lane));
  const failed = lanes.find((each) => each.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return answers;
}

/** Starts the server if the task says how, and ends it afterwards. */
async function withEndpoint(
  source: EndpointSource,
  model: string,
  signal: AbortSignal,
  ask: (options: EndpointOptions) => Promise<void>,
): Promise<void> {
  const { serve, retries, timeoutSeconds, startSeconds } = source;
  const values = { model, port: String(await freePort()) };
  const named = (text: string): string => String(filled([text], values)[0]);
  const url = named(source.url);
  const options = {
    url,
    model: named(source.model),
    timeoutMs: timeoutSeconds * 1000,
    retries,
    signal,
  };
  if (serve === undefined) return ask(options);
  const server = startProgram(filled(serve, values));
  try {
    const timeoutMs = startSeconds * 1000;
    if (!(await endpointReady(url, { timeoutMs, signal, isAlive: server.isRunning }))) {
      throw server.failed(
        server.isRunning()
          ? `did not answer at ${url}/models within ${startSeconds} seconds`
          : `ended with ${await server.ended} before it answered at ${url}/models`,
      );
    }
    await ask(options);
  } finally {
    await server.stop();
  }
}

/** A port that nothing listens on now. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
