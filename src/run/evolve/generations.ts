// The search itself: ask for a generation, score it, tell it, until a limit is met. Everything it needs to
// go on stands in the lineage, so it can be killed between any two lines.

import { itemCount } from "../../evals/workload.ts";
import type { CandidateTable } from "../../lineage/candidates.ts";
import { searchId } from "../../lineage/records.ts";
import { racedFitness } from "../../search/race.ts";
import type { Told } from "../../search/strategy.ts";
import { type Budget, candidatesLeft, exhausted, limitMet, type Spent } from "./budget.ts";
import type { Contest } from "./contest.ts";
import type { OnEvent } from "./events.ts";
import { objectivesOf } from "./objectives.ts";
import { raceEntrants } from "./race.ts";
import type { SearchEnd } from "./results.ts";
import { type Entrant, type Scoring, scoreEntrants } from "./scoring.ts";

/**
 * Runs the search to its end. The limit on evaluations is never overshot: of the last generation only as
 * many candidates are asked as are left, and the strategy, which learns from whole generations, is not told
 * of them. They stand for the shortlist like any other, and a larger budget completes that generation.
 * @param minutesBefore working minutes that earlier processes spent
 */
export async function runGenerations(
  contest: Contest,
  budget: Budget,
  minutesBefore: number,
  scoring: Omit<Scoring, "mayStart">,
  onEvent: OnEvent,
): Promise<SearchEnd> {
  const { lineage, now } = scoring;
  const { strategy, workloads } = contest;
  const startedAt = now();
  const minutes = (): number => minutesBefore + (now() - startedAt) / 60_000;
  const mayStart = (): boolean => budget.minutes === undefined || minutes() < budget.minutes;

  lineage.beginSearch(strategy.initial(contest.problem));
  let isPlateauTold = false;
  for (;;) {
    const { number: generation, state } = lineage.currentGeneration()!;
    const spent = spentBefore(contest, scoring, generation, minutes());
    const reason = exhausted(budget, spent) ?? strategy.finished(state);
    if (reason !== undefined) return endOf(scoring, reason);

    const population = strategy.populationSize(state);
    const room = Math.min(population, candidatesLeft(budget, spent));
    const entrants = askGeneration(contest, scoring, generation, state, room, population);
    const parents = Math.floor(population / 2);
    const limited = { ...scoring, mayStart };
    const all = await (contest.race === undefined
      ? scoreEntrants("search", workloads.search, entrants, limited)
      : raceEntrants(workloads.search, entrants, parents, contest.race, limited));
    if (!all) return endOf(scoring, `${budget.minutes} minutes used`);
    if (room < population) return endOf(scoring, limitMet(budget, spent, room));
    const told = toldOf(contest, scoring, generation);
    lineage.tellGeneration(generation, strategy.tell(state, told));
    if (!isPlateauTold && isPlateau(told)) {
      isPlateauTold = true;
      onEvent({ type: "note", text: plateauNote(generation, population) });
    }
  }
}

/** True if a generation has several scores and they are all the same: nothing can be learned from it. */
function isPlateau(told: readonly Told[]): boolean {
  const scores = told.map(({ fitness }) => fitness).filter(Number.isFinite);
  return scores.length > 1 && scores.every((score) => score === scores[0]);
}

function plateauNote(generation: number, population: number): string {
  return (
    `plateau: all ${population} candidates of generation ${generation} scored the same, so the search learned ` +
    "nothing from it; more items (--limit) or a finer metric (logprob) tell candidates apart"
  );
}

/** A generation's results as the strategy hears them, [population]. */
function toldOf(contest: Contest, scoring: Omit<Scoring, "mayStart">, generation: number): Told[] {
  const candidates = scoring.lineage.candidates.list({ kind: "search", generation });
  const fitness = racedFitness(
    candidates.map(({ fitness = -Infinity, stoppedAfter }) => ({ fitness, stoppedAfter })),
  );
  const scored = candidates.flatMap(({ fitness: own, recipeHash }) =>
    own === undefined ? [] : [recipeHash],
  );
  const objectives = objectivesOf(contest, scoring, scored);
  return candidates.map((one, k) => ({
    genome: one.genome!,
    fitness: fitness[k]!,
    ...(one.fitness === undefined ? {} : objectives.get(one.recipeHash)),
  }));
}

/** Records the first `room` candidates of a generation; those recorded before come out the same. */
function askGeneration(
  { strategy, compose }: Contest,
  { lineage }: Pick<Scoring, "lineage">,
  generation: number,
  state: unknown,
  room: number,
  population: number,
): Entrant[] {
  const asked = Array.from({ length: room }, (_, k) => {
    const { genome, parents } = strategy.ask(state, k);
    return { k, genome, parents, composition: compose(genome) };
  });
  const ids = lineage.candidates.add(
    asked.map(({ k, genome, parents, composition }) => ({
      kind: "search",
      position: { generation, k },
      genome,
      // a strategy counts its candidates through: generation × population + k
      parents: parents.map((one) => searchId(Math.floor(one / population), one % population)),
      recipe: composition.text,
      recipeHash: composition.hash,
    })),
  );
  return asked.map(({ composition }, k) => ({
    id: ids[k]!,
    plan: composition.plan,
    recipeHash: composition.hash,
    required: false,
  }));
}

function endOf({ lineage }: Pick<Scoring, "lineage">, ended: string): SearchEnd {
  const { done, failed } = lineage.candidates.counts();
  const generations = lineage.currentGeneration()?.number ?? 0;
  const items = lineage.candidates.itemsBefore(generations + 1);
  const stopped = lineage.candidates.stopped();
  return { ended, evaluations: done + failed, generations, failed, items, stopped };
}

/**
 * Search items that a candidate is scored on if no race stops it: as many as the baselines were, since only a
 * program knows its own; before those are scored what is known of the tasks.
 */
export function itemsEach(
  { baselines, workloads }: Pick<Contest, "baselines" | "workloads">,
  { lineage }: Pick<Scoring, "lineage">,
): number {
  const scored = lineage.candidates.get(baselines[0]!.label)?.items;
  return scored ?? itemCount(workloads.search);
}

/** What generations before this one have used; its own candidates do not count yet. */
function spentBefore(
  contest: Pick<Contest, "baselines" | "workloads">,
  scoring: Pick<Scoring, "lineage">,
  generation: number,
  minutes: number,
): Spent {
  const { candidates } = scoring.lineage;
  return {
    evaluations: settledBefore(candidates, generation),
    items: candidates.itemsBefore(generation),
    itemsEach: itemsEach(contest, scoring),
    generations: generation,
    minutes,
  };
}

/** Candidates of earlier generations that are done or failed: counted, since listing all of them grows with each. */
function settledBefore(candidates: CandidateTable, generation: number): number {
  const { done, failed } = candidates.counts();
  const current = candidates.list({ kind: "search", generation });
  const settledNow = current.filter(({ status }) => status === "done" || status === "failed");
  return done + failed - settledNow.length;
}

/** True when a budget leaves room for more than what the lineage already holds. */
export function canContinue(
  contest: Pick<Contest, "strategy" | "baselines" | "workloads">,
  budget: Budget,
  { lineage }: Pick<Scoring, "lineage">,
  minutesBefore: number,
): boolean {
  const current = lineage.currentGeneration();
  if (current === undefined) return true;
  // the last generation may be there in part
  const spent = {
    ...spentBefore(contest, { lineage }, current.number + 1, minutesBefore),
    generations: current.number,
  };
  return (
    exhausted(budget, spent) === undefined && contest.strategy.finished(current.state) === undefined
  );
}
