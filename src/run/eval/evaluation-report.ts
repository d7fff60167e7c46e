// An evaluation as `--json` prints it: plain data with a version, without prompts.

import type { ItemScore } from "../../evals/item.ts";
import type { SuiteResult } from "../../evals/results.ts";
import type { AskStatistics } from "./answers.ts";
import type { Conditions, Evaluation } from "./evaluate.ts";

export interface EvaluationReport {
  readonly schemaVersion: 1;
  readonly model: string;
  readonly split: string;
  readonly dataHash: string;
  readonly conditions: Conditions;
  readonly results: SuiteResult;
  readonly scores: readonly ItemScore[];
  readonly statistics: AskStatistics;
  readonly warnings: readonly string[];
}

export function reportOf(evaluation: Evaluation): EvaluationReport {
  const { model, suite, conditions, results, scores, statistics, warnings } = evaluation;
  return {
    schemaVersion: 1,
    ...{ model, split: suite.split, dataHash: suite.dataHash, conditions },
    ...{ results, scores, statistics, warnings },
  };
}
