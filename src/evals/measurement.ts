// What a user's own program says of a model: a score, and best of all the score of each item, without which nobody
// knows how far to trust it. Reads and checks its JSON; who runs the program is elsewhere.

import { z } from "zod";
import { TsmergeError } from "../base/errors.ts";
import { schemaProblems } from "../base/schema-problem.ts";
import type { ItemScore } from "./item.ts";
import { estimateMean } from "./metrics.ts";

const item = z.union([
  z.number(),
  z.strictObject({ id: z.union([z.string(), z.number()]).optional(), score: z.number() }),
]);

const schema = z.strictObject({
  score: z.number().optional(),
  /** Standard error of the score. */
  stderr: z.number().nonnegative().optional(),
  /** Items that the score is of. */
  n: z.int().positive().optional(),
  items: z.array(item).min(1).optional(),
});

export type Measurement = z.infer<typeof schema>;

/** How far a score may be from the mean of its items: the rounding of printed numbers. */
const ROUNDING = 1e-4;

const HINT = 'print one JSON object: {"score": 0.71}, or better {"items": [1, 0, 1]}';

/**
 * What a program printed: JSON, or JSON on its last line that is not empty.
 * @throws TsmergeError `data` with what was printed, for anything else, and for a score that is not its items' mean
 */
export function parseMeasurement(printed: string): Measurement {
  const lines = printed.split(/\r?\n/).filter((line) => line.trim() !== "");
  const value = jsonOf(printed) ?? jsonOf(lines.at(-1) ?? "");
  const shown = JSON.stringify(printed.slice(-200));
  if (value === undefined) {
    throw new TsmergeError("data", `the program printed no JSON but ${shown}`, { hint: HINT });
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const problem = schemaProblems(parsed.error);
    throw new TsmergeError("data", `the program printed ${shown}: ${problem}`, { hint: HINT });
  }
  const { score, items } = parsed.data;
  if (score === undefined && items === undefined) {
    throw new TsmergeError("data", `the program printed no score but ${shown}`, { hint: HINT });
  }
  if (score !== undefined && items !== undefined) {
    const mean = estimateMean(items.map(scoreIn)).value;
    if (Math.abs(mean - score) > ROUNDING * Math.max(1, Math.abs(mean))) {
      throw new TsmergeError("data", `the score is ${score}, and its items' mean is ${mean}`, {
        hint: "print the items alone, or a score alone if it is not their mean",
      });
    }
  }
  return parsed.data;
}

/** One score an item; of a score without items one, with what the program says of its spread. */
export function measuredScores(task: string, split: string, measured: Measurement): ItemScore[] {
  const { score = Number.NaN, stderr, n, items } = measured;
  const scoreOf = (value: number, docId: number, hash: string): ItemScore => ({
    ...{ task, docId, hash, logLikelihoods: [], acc: 0, accNorm: 0, logprob: 0 },
    others: { score: value },
  });
  if (items === undefined) {
    const summary = { n: n ?? 1, stderr: stderr ?? null };
    return [{ ...scoreOf(score, 0, `${task}/${split}`), summary }];
  }
  return items.map((each, index) => {
    const id = typeof each === "number" ? undefined : each.id;
    return scoreOf(
      scoreIn(each),
      index,
      id === undefined ? `${task}/${split}/${index}` : String(id),
    );
  });
}

function scoreIn(each: z.infer<typeof item>): number {
  return typeof each === "number" ? each : each.score;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // not JSON is an answer here: the caller says so
  }
}
