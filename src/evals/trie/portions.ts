// A schedule in portions: items come in rungs, and a model may stop after any of them. Each portion is a trie
// of its own, so a prefix shared across portions is computed in each: few portions lose little.

import type { GenerationBatch, Path, Schedule } from "../../model/batch.ts";
import type { TokenPair } from "./pairs.ts";
import type { PromptTokens } from "./prompt-groups.ts";
import { type ScheduledPairs, schedulePairs } from "./schedule.ts";

/** What is scheduled together. */
export interface Portion {
  readonly pairs: readonly TokenPair[];
  readonly prompts: readonly PromptTokens[];
}

/** How many batches and generations there are when a portion ends. */
export interface PortionEnd {
  readonly batches: number;
  readonly generations: number;
}

/** Schedules each portion after the portions before it. */
export function schedulePortions(
  portions: readonly Portion[],
  slots: number | undefined,
): ScheduledPairs & { readonly ends: readonly PortionEnd[] } {
  const parts = portions.map(({ pairs, prompts }) => schedulePairs(pairs, slots, prompts));
  let whole = parts[0]!;
  const ends = [endOf(whole.schedule)];
  for (const part of parts.slice(1)) {
    whole = joined(whole, part);
    ends.push(endOf(whole.schedule));
  }
  return { ...whole, ends };
}

function endOf({ batches, generations }: Schedule): PortionEnd {
  return { batches: batches.length, generations: generations.length };
}

function joined(one: ScheduledPairs, other: ScheduledPairs): ScheduledPairs {
  const { batches, generations } = endOf(one.schedule);
  const targets = one.targetBatches.length;
  return {
    schedule: appended(one.schedule, other.schedule),
    promptPlaces: {
      generations: concatenated(
        one.promptPlaces.generations,
        other.promptPlaces.generations.map((generation) => generation + generations),
      ),
      texts: concatenated(one.promptPlaces.texts, other.promptPlaces.texts),
    },
    targetStarts: concatenated(
      one.targetStarts,
      other.targetStarts.subarray(1).map((start) => start + targets),
    ),
    targetBatches: concatenated(
      one.targetBatches,
      other.targetBatches.map((batch) => batch + batches),
    ),
    targetIndices: concatenated(one.targetIndices, other.targetIndices),
  };
}

function appended(one: Schedule, other: Schedule): Schedule {
  const [batches, anchors] = [one.batches.length, one.anchors.length];
  const sum = (key: keyof Schedule["cost"]): number => one.cost[key] + other.cost[key];
  return {
    anchors: [
      ...one.anchors,
      ...other.anchors.map((anchor) => ({
        ...anchor,
        batch: anchor.batch.map((batch) => batch + batches),
        lastUse: anchor.lastUse + batches,
      })),
    ],
    batches: [
      ...one.batches,
      ...other.batches.map((batch) => ({
        ...batch,
        anchor: batch.anchor < 0 ? batch.anchor : batch.anchor + anchors,
      })),
    ],
    groupEnds: concatenated(
      one.groupEnds,
      other.groupEnds.map((end) => end + batches),
    ),
    generations: [
      ...one.generations,
      ...other.generations.map((generation) => moved(generation, batches)),
    ],
    cost: {
      nodes: sum("nodes"),
      paddingSlots: sum("paddingSlots"),
      naiveTokens: sum("naiveTokens"),
      computedPairs: sum("computedPairs"),
      neededPairs: sum("neededPairs"),
    },
  };
}

/** A generation whose batches stand `by` later. */
function moved(generation: GenerationBatch, by: number): GenerationBatch {
  const path = ({ batch, slot }: Path): Path => ({ batch: batch.map((at) => at + by), slot });
  return {
    ...generation,
    after: generation.after < 0 ? by - 1 : generation.after + by,
    shared: path(generation.shared),
    prompts: generation.prompts.map(({ own, token }) => ({ own: path(own), token })),
  };
}

function concatenated(one: Int32Array, other: Int32Array): Int32Array {
  const both = new Int32Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
