// What a run tells while it goes, as data: the command line prints it, the run folder keeps it in
// events.jsonl. Nothing here is read back; the database is the only memory.

import type { Budget } from "./budget.ts";
import type { EvolveResult } from "./results.ts";

export type Stage = "baselines" | "search" | "selection" | "report";

/** The best candidate on the search items. */
export interface BestSoFar {
  readonly label: string;
  readonly score: number;
  readonly n: number;
  /** undefined for a single item. */
  readonly stderr: number | undefined;
}

export type RunEvent =
  /** A choice that was made for the user, or something in the file that was not taken literally. */
  | { readonly type: "note"; readonly text: string }
  | {
      readonly type: "started";
      readonly folder: string;
      /** True when the folder held an unfinished run, or a finished one that is extended. */
      readonly resumed: boolean;
      readonly dimension: number;
      readonly strategy: string;
      readonly population: number;
      readonly seed: number;
      /** What is searched by and which way is better. */
      readonly metric: string;
      readonly budget: Budget;
      /** Items of each split. */
      readonly items: {
        readonly search: number;
        readonly selection: number;
        readonly report: number;
      };
    }
  | { readonly type: "stage"; readonly stage: Stage; readonly candidates: number | undefined }
  | {
      readonly type: "progress";
      readonly stage: Stage;
      readonly done: number;
      /** undefined when only minutes limit the search. */
      readonly total: number | undefined;
      /** Candidates a minute over the last ones; undefined until two are done. */
      readonly perMinute: number | undefined;
      readonly etaSeconds: number | undefined;
      readonly best: BestSoFar | undefined;
    }
  | {
      readonly type: "scored";
      readonly stage: Stage;
      readonly label: string;
      readonly score: number;
    }
  | {
      readonly type: "newBest";
      readonly label: string;
      readonly generation: number;
      readonly evaluation: number;
      readonly score: number;
      /** undefined for a single item. */
      readonly stderr: number | undefined;
      /** Search items. */
      readonly n: number;
      /** Gain over the best baseline on the search items. */
      readonly delta: number | undefined;
      readonly file: string;
    }
  | { readonly type: "failed"; readonly label: string; readonly message: string }
  | { readonly type: "ended"; readonly reason: string }
  | { readonly type: "finished"; readonly result: EvolveResult };

export type OnEvent = (event: RunEvent) => void;
