// Worked examples of a task file: which documents, drawn how. The draws are CPython's, one generator a task,
// advanced document by document, so that a question gets the examples lm-evaluation-harness gives it.

import { TsmergeError } from "../../base/errors.ts";
import { canonicalJson, sha256 } from "../../base/hash.ts";
import type { Row } from "../datasets/records.ts";
import { pythonRandom } from "../python/random.ts";
import type { TaskConfig } from "./task-file.ts";

/** The fourth seed of lm-evaluation-harness's --seed. */
export const FEWSHOT_SEED = 1234;

export interface Pool {
  readonly rows: readonly Row[];
  /** True when a question may stand among its own examples and has to be taken out. */
  readonly holdsEvaluated: boolean;
}

/** The split that examples come from; undefined when the task gives them itself. */
export function fewshotSplit(config: TaskConfig): string | undefined {
  const {
    fewshot_config: own,
    fewshot_split,
    training_split,
    validation_split,
    test_split,
  } = config;
  const named = own?.split ?? fewshot_split;
  if (named !== undefined) return named;
  if (own?.samples !== undefined) return undefined;
  return training_split ?? validation_split ?? test_split;
}

/**
 * Whether lm-evaluation-harness takes a question out of its own examples: when the two splits are the same
 * word in the file, or both are absent from it.
 */
export function drawsOneMore(config: TaskConfig): boolean {
  return (config.fewshot_config?.split ?? config.fewshot_split) === config.test_split;
}

/** Of a split that has to give both questions and examples: the share that a search keeps for examples. */
const EXAMPLE_SHARE = 0.1;

/**
 * The examples of a search whose questions come from the same split: those that the task names, or a tenth by
 * hash. What they are is asked nowhere.
 */
export function examplesApart(config: TaskConfig, rows: readonly Row[], count: number): Row[] {
  const { fewshot_indices: named, sampler } = config.fewshot_config ?? {};
  if (named !== undefined) return [...rows];
  if (sampler === "first_n") return rows.slice(0, count);
  const hashes = rows.map((row) => sha256(canonicalJson(row)));
  const size = Math.max(count, Math.ceil(EXAMPLE_SHARE * rows.length));
  const largest = hashes.toSorted()[Math.min(size, rows.length) - 1] ?? "";
  return rows.filter((_, index) => hashes[index]! <= largest); // equal rows go together
}

/**
 * The examples of each question in turn.
 * @throws TsmergeError `usage` when the pool has too few
 */
export function drawShots(
  config: TaskConfig,
  pool: Pool,
  questions: readonly Row[],
  count: number,
  seed: number,
): readonly (readonly Row[])[] {
  if (count === 0) return questions.map(() => []);
  const { rows, holdsEvaluated } = pool;
  const wanted = count + (holdsEvaluated ? 1 : 0);
  if (rows.length < wanted) {
    throw new TsmergeError(
      "usage",
      `${config.task} has ${rows.length} example questions, fewer than the ${wanted} asked for`,
      {
        where: config.file,
        hint: `use --num-fewshot ${Math.max(0, rows.length - wanted + count)} or less`,
      },
    );
  }
  const texts = new Map(holdsEvaluated ? rows.map((row) => [row, canonicalJson(row)]) : []);
  const others = (candidates: readonly Row[], question: Row): readonly Row[] => {
    if (!holdsEvaluated) return candidates;
    const own = canonicalJson(question);
    return candidates.filter((row) => texts.get(row) !== own);
  };
  if (config.fewshot_config?.sampler === "first_n") {
    return questions.map((question) => others(rows, question).slice(0, count));
  }
  const random = pythonRandom(seed);
  return questions.map((question) => {
    const drawn = random.sample(rows.length, wanted).map((index) => rows[index]!);
    return others(drawn, question).slice(0, count);
  });
}
