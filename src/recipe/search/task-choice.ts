// What a search is asked to be good at, as evolve.yml says it: bundled tasks and task files by name, scored here or
// by an endpoint, and programs of the user's. Plain data; read-task.ts reads it.

import type { MetricKey } from "../../evals/metrics.ts";

export interface TaskChoice {
  readonly name: string;
  /** Factor in the score. */
  readonly weight: number;
  /** Absent: what the task is usually searched by. */
  readonly metric?: MetricKey | undefined;
  /** Absent: questions that are answered in this process. */
  readonly source?: TaskSource | undefined;
}

/** Who scores a candidate, where it is not this process. */
export type TaskSource = CommandSource | EndpointSource;

/** A program that gets the merged model's folder and prints JSON. `{model}` and `{split}` stand for values. */
export interface CommandSource {
  readonly kind: "command";
  /** Words, or a line for the shell. */
  readonly command: string | readonly string[];
  readonly timeoutSeconds: number;
  /** Further attempts after a failed one. */
  readonly retries: number;
  readonly isMinimised: boolean;
}

/** An OpenAI-compatible endpoint that answers a task's questions. `{model}` and `{port}` stand for values. */
export interface EndpointSource {
  readonly kind: "http";
  readonly url: string;
  /** Starts the server for one candidate; absent where one runs that loads what a request names. */
  readonly serve?: string | readonly string[] | undefined;
  /** The `model` of a request. */
  readonly model: string;
  /** Of one request. */
  readonly timeoutSeconds: number;
  /** Until a started server answers. */
  readonly startSeconds: number;
  readonly retries: number;
  /** Requests at once. */
  readonly parallel: number;
}
