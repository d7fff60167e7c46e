// What a search is asked to do, as the command line or a program says it. Members left undefined fall back
// to the search file, then to a default.

import type { FloatType } from "../../base/dtype.ts";
import type { MetricKey } from "../../evals/metrics.ts";
import type { AskingStyle } from "../../evals/tasks/prompt.ts";
import type { HubAccess } from "../../hub/settings.ts";
import type { Device } from "../../kernel/device.ts";
import type { Budget } from "./budget.ts";

export interface EvolveOptions extends HubAccess, AskingStyle {
  /** Path of the search file: shown in messages; relative model paths may start from its folder. */
  readonly file: string;
  /** Its content. */
  readonly text: string;
  readonly runFolder: string;
  /** Task names; replace the file's list. Weights and metrics that the file gives them are kept. */
  readonly tasks?: readonly string[] | undefined;
  /** Folder of benchmark data, or its parent. */
  readonly dataDir?: string | undefined;
  /** Folders with further task files. */
  readonly includePaths?: readonly string[] | undefined;
  /** Search items in all, drawn by seed in proportion to the subjects; the selection gets at most as many. */
  readonly limit?: number | undefined;
  /** lm-eval's limit: the first so many search items of each task. */
  readonly limitFirst?: number | undefined;
  /** Report items in all. */
  readonly reportLimit?: number | undefined;
  readonly fewshot?: number | undefined;
  /** Replaces the metric of every task. */
  readonly metric?: MetricKey | undefined;
  /** Replaces the search file's rule. */
  readonly race?: "test" | "halving" | undefined;
  readonly strategy?: string | undefined;
  readonly population?: number | undefined;
  readonly sigma?: number | undefined;
  /** An earlier run, its folder or its name in `runs`, to start near the best of. */
  readonly warmStart?: string | undefined;
  readonly seed?: number | undefined;
  readonly budget: Budget;
  readonly device: Device;
  /** Candidates at once; one a core by default, fewer where memory would not hold so many. */
  readonly workers?: number | undefined;
  /** Element type that candidates are rounded to. */
  readonly dtype?: FloatType | undefined;
}
