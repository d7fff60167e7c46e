// A schedule in portions: items come in rungs, and a model may stop after any of them. Each portion is a trie
// of its own, so a prefix shared across portions is computed in each: few portions lose little.

import type { Schedule } from "../model/batch.ts";
import type { TokenPair } from "./pairs.ts";
import { type ScheduledPairs, schedulePairs } from "./schedule.ts";

/** Schedules each portion's pairs after the portions before it. Also says how many batches end each one. */
export function schedulePortions(
  portions: readonly (readonly TokenPair[])[],
  slots: number | undefined,
): ScheduledPairs & { readonly ends: readonly number[] } {
  const parts = portions.map((pairs) => schedulePairs(pairs, slots));
  let whole = parts[0]!;
  const ends = [whole.schedule.batches.length];
  for (const part of parts.slice(1)) {
    whole = joined(whole, part);
    ends.push(whole.schedule.batches.length);
  }
  return { ...whole, ends };
}

function joined(one: ScheduledPairs, other: ScheduledPairs): ScheduledPairs {
  const batches = one.schedule.batches.length;
  const targets = one.targetBatches.length;
  return {
    schedule: appended(one.schedule, other.schedule),
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
    cost: {
      nodes: sum("nodes"),
      paddingSlots: sum("paddingSlots"),
      naiveTokens: sum("naiveTokens"),
      computedPairs: sum("computedPairs"),
      neededPairs: sum("neededPairs"),
    },
  };
}

function concatenated(one: Int32Array, other: Int32Array): Int32Array {
  const both = new Int32Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
