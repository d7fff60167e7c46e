// Everything a run knows before its first candidate: what may be proposed, how it becomes a merge, what it
// is compared with and on which items. Plain data and pure functions; made by prepare.ts, or by a test.

import type { Workload } from "../../evals/workload.ts";
import type { Identity } from "../../lineage/identity.ts";
import type { MergePlan } from "../../merge/plan.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import type { RaceRules } from "../../search/race.ts";
import type { Problem, Strategy } from "../../search/strategy.ts";
import type { WeightedTask } from "./fitness.ts";

/** A recipe, what it compiles to and what it is known by. */
export interface Composition {
  readonly recipe: Recipe;
  /** The recipe as mergekit reads it, with the seed as a comment. */
  readonly text: string;
  readonly plan: MergePlan;
  /** Content hash of the plan and its parents: equal hashes mean equal weights. */
  readonly hash: string;
}

/** What a search has to beat. Baselines are scored on every split and count in no budget. */
export interface Baseline {
  readonly role: "base" | "parent" | "equal" | "published";
  /** Such as `parent:math`. */
  readonly label: string;
  readonly composition: Composition;
}

export interface Workloads {
  readonly search: Workload;
  readonly selection: Workload;
  readonly report: Workload;
}

export interface Race extends RaceRules {
  /** Estimates of what those that stopped would have scored on all items are recorded too. */
  readonly estimate?: "p-irt" | undefined;
}

/** What a strategy has chosen for itself, in words; nothing of those that choose nothing. */
export function choiceNotes(strategy: Strategy, state: unknown): string[] {
  return strategy.explain ? [`strategy ${strategy.name}: ${strategy.explain(state)}`] : [];
}

export interface Contest {
  readonly identity: Identity;
  readonly seed: number;
  readonly strategy: Strategy;
  readonly problem: Problem;
  /** The merge of a genome (gene units). */
  readonly compose: (genome: readonly number[]) => Composition;
  readonly baselines: readonly Baseline[];
  readonly workloads: Workloads;
  readonly tasks: readonly WeightedTask[];
  /** How generations are raced; absent: every candidate gets all search items. */
  readonly race?: Race | undefined;
  /** Versions and hashes that every recipe file carries as a comment. */
  readonly provenance: Readonly<Record<string, unknown>>;
}
