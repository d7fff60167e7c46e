// lm-evaluation-harness's files of one evaluation: results_<time>.json and, if asked for, a
// samples_<task>_<time>.jsonl for each task. Each appears whole under its name or not at all.

import { constants, createWriteStream } from "node:fs";
import { access, mkdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import writeFileAtomic from "write-file-atomic";
import { TsmergeError } from "../../base/errors.ts";
import { hasErrorCode, ioError } from "../../base/io-error.ts";
import { pythonJson } from "../../evals/python/json.ts";
import { sampleLines } from "../../evals/sample-log.ts";
import type { Evaluation } from "./evaluate.ts";
import { type AskedFor, folderNameOf, resultRecord } from "./result-record.ts";

export interface ResultFileOptions {
  /** A folder, which gets one for the model; or a `.json` file, whose name gets the time. */
  readonly path: string;
  readonly logSamples: boolean;
  /** Leaves scores out of the samples, and writes no results. */
  readonly predictOnly: boolean;
  /** The moment that names the files. */
  readonly time: Date;
}

/**
 * Refuses a place that cannot be written before anything is scored; makes nothing.
 * @throws TsmergeError `io`
 */
export async function requireWritable(path: string): Promise<void> {
  const wanted = extname(path) === ".json" ? dirname(path) : path;
  let folder = wanted;
  for (;;) {
    try {
      if (!(await stat(folder)).isDirectory()) {
        throw new TsmergeError("io", `cannot write results below ${folder}, which is a file`, {
          hint: "give --output_path a folder, or a name that ends in .json",
        });
      }
      return await access(folder, constants.W_OK);
    } catch (cause) {
      if (cause instanceof TsmergeError) throw cause;
      if (!hasErrorCode(cause, "ENOENT")) throw ioError("write results to", wanted, cause);
      folder = dirname(folder);
    }
  }
}

/**
 * Writes the files and returns their paths.
 * @throws TsmergeError `io`
 */
export async function writeResultFiles(
  evaluation: Evaluation,
  asked: AskedFor,
  options: ResultFileOptions,
): Promise<string[]> {
  const { path, time } = options;
  const isFile = extname(path) === ".json";
  const folder = isFile ? dirname(path) : join(path, folderNameOf(asked.modelName));
  const id = timeId(time);
  const name = isFile ? `${basename(path, ".json")}_${id}.json` : `results_${id}.json`;
  const files: string[] = [];
  try {
    await mkdir(folder, { recursive: true });
    if (!options.predictOnly) {
      files.push(join(folder, name));
      await writeFileAtomic(files[0]!, pythonJson(resultRecord(evaluation, asked), 2));
    }
    if (options.logSamples || options.predictOnly) {
      for (const { task } of evaluation.suite.leaves) {
        const file = join(folder, `samples_${task}_${id}.jsonl`);
        await writeSamples(file, evaluation, task, options.predictOnly);
        files.push(file);
      }
    }
    return files;
  } catch (cause) {
    throw ioError("write", folder, cause);
  }
}

async function writeSamples(
  file: string,
  evaluation: Evaluation,
  task: string,
  predictOnly: boolean,
): Promise<void> {
  const partial = `${file}.partial`;
  try {
    await pipeline(
      Readable.from(linesOf(evaluation, task, predictOnly)),
      createWriteStream(partial, { flush: true }),
    );
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

function* linesOf(evaluation: Evaluation, task: string, predictOnly: boolean): Generator<string> {
  const { suite, items, answers, scores } = evaluation;
  const { metrics } = suite.leaves.find((leaf) => leaf.task === task)!; // of the suite
  for (const [index, item] of items.entries()) {
    if (item.task !== task) continue;
    const score = predictOnly ? undefined : scores[index];
    yield* sampleLines({ item, answer: answers[index]!, score, metrics });
  }
}

/** Python's isoformat of local time, with dashes for colons: 2026-11-22T10-04-00.123000. */
export function timeId(time: Date): string {
  const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000);
  return `${local.toISOString().slice(0, -1).replaceAll(":", "-")}000`;
}
