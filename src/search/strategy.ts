// The seam between the run and its optimizers: ask and tell, pure. State is plain JSON data (f64 numbers
// survive JSON exactly); randomness is counter-based, so `ask(state, k)` needs nothing else and a killed
// run asks for the same candidates again.

/** The box a strategy searches, in gene units. Fitness is maximised. */
export interface Problem {
  readonly lower: readonly number[];
  readonly upper: readonly number[];
  readonly start: readonly number[];
  /** Initial step as a fraction of each gene's range (mergekit-evolve's --sigma0). */
  readonly sigma: number;
  /** Candidates a generation; undefined takes the strategy's own default. */
  readonly population?: number;
  /** Which genes take whole numbers only, [n]; absent: none. */
  readonly integer?: readonly boolean[];
  /** Which genes name one of upper + 1 choices without an order, 0 to upper, [n]; absent: none. */
  readonly categorical?: readonly boolean[];
  /** Genomes nearer than this share of every range count as one; absent: what a merge can resolve. */
  readonly resolution?: number;
  /** Scored genomes of an earlier run of the same box, to start near; not kept in the state. */
  readonly earlier?: readonly Told[];
  /** How many candidates the run means to score, and on how many items: what `auto` decides by. */
  readonly evaluations?: number;
  readonly items?: number;
  readonly seed: number;
}

export interface Told {
  readonly genome: readonly number[];
  /** Higher is better; a failed candidate has -Infinity and ranks last without poisoning the update. */
  readonly fitness: number;
  /** One number per task, higher is better; only strategies with several objectives look at them. */
  readonly objectives?: readonly number[];
  /** Of each objective: the standard error of its difference from the generation's mean, item by item; absent: exact. */
  readonly stderrs?: readonly number[];
}

export interface Strategy<State = unknown> {
  readonly name: string;
  readonly summary: string;
  initial(problem: Problem): State;
  /** Candidates a generation. */
  populationSize(state: State): number;
  /** Generation counter, from 0. */
  generation(state: State): number;
  /**
   * The k-th genome of the current generation, inside the box. Pure: same state and k, same numbers.
   * `parents` are the candidates it was bred from, as ordinals: generation × population + k.
   */
  ask(state: State, k: number): { genome: number[]; parents: number[] };
  /** State after a whole generation, told in any order of arrival as an array indexed by k. */
  tell(state: State, results: readonly Told[]): State;
  /** The genome the strategy itself believes best: the distribution mean, or the best known average. */
  recommend(state: State): number[];
  /** Of a strategy with several objectives: the candidates that none beats in all of them, as ordinals. */
  front?(state: State): number[];
  /** Why no further generation is worth asking for, or undefined. */
  finished(state: State): string | undefined;
  /** What a strategy that chooses has chosen, and why: one line for the user. */
  explain?(state: State): string;
}
