// Runs a schedule without a model: each slot sees the keys that the contract of DecoderBatch says it sees,
// and its "hidden state" is the token sequence it sees. Every promise of the contract is asserted on the way.

import assert from "node:assert/strict";
import type { DecoderBatch, Schedule } from "../../src/model/batch.ts";

interface Key {
  readonly token: number;
  readonly position: number;
  readonly first: number;
  readonly last: number;
}

export interface Simulation {
  /** For each batch and slot the sequence it sees, tokens joined by spaces; undefined for padding. */
  readonly seen: readonly (readonly (string | undefined)[])[];
  readonly paddingSlots: number;
  readonly computedPairs: number;
  readonly neededPairs: number;
}

export function simulate(schedule: Schedule): Simulation {
  let [paddingSlots, computedPairs, neededPairs] = [0, 0, 0];
  const seen = schedule.batches.map((batch, index) => {
    const { rows, columns } = batch;
    const past = pastKeys(schedule, batch, index);
    computedPairs += rows * columns * (past.length + columns);
    assertShapes(batch);
    return Array.from({ length: rows * columns }, (_, slot) => {
      if (batch.first[slot]! < 0) {
        paddingSlots++;
        assertPadding(batch, slot);
        return undefined;
      }
      const row = Math.floor(slot / columns);
      const own = Array.from({ length: columns }, (_, column) =>
        keyAt(batch, row * columns + column),
      );
      const query = batch.first[slot]!;
      const keys = [...past, ...own].filter(({ first, last }) => first <= query && query <= last);
      keys.sort((a, b) => a.position - b.position);
      const positions = keys.map((key) => key.position);
      assert.deepEqual(positions, [...positions.keys()], "a slot sees one key for each position");
      assert.equal(keys.length, batch.positions[slot]! + 1, "a slot sees its ancestors and itself");
      neededPairs += keys.length;
      return keys.map((key) => key.token).join(" ");
    });
  });
  return { seen, paddingSlots, computedPairs, neededPairs };
}

function keyAt(batch: DecoderBatch, slot: number): Key {
  return {
    token: batch.tokens[slot]!,
    position: batch.positions[slot]!,
    first: batch.first[slot]!,
    last: batch.last[slot]!,
  };
}

function pastKeys(schedule: Schedule, batch: DecoderBatch, index: number): Key[] {
  if (batch.anchor < 0) return [];
  const anchor = schedule.anchors[batch.anchor]!;
  assert.ok(index <= anchor.lastUse, "an anchor is used no later than it says");
  return Array.from(anchor.batch, (source, position) => {
    const from = schedule.batches[source]!;
    assert.ok(source < index && from.keepsState, "keys come from an earlier batch that keeps them");
    const key = keyAt(from, anchor.slot[position]!);
    assert.deepEqual(
      [key.position, key.first, key.last],
      [position, anchor.first[position], anchor.last[position]],
    );
    return key;
  });
}

function assertShapes(batch: DecoderBatch): void {
  const size = batch.rows * batch.columns;
  for (const array of [batch.tokens, batch.positions, batch.first, batch.last]) {
    assert.equal(array.length, size);
  }
  assert.ok(size >= 2, "never one slot");
  assert.ok(batch.scoreSlots.length >= 2, "never one score slot");
  assert.ok(batch.scoreSlots.every((slot) => slot >= 0 && slot < size));
  assert.equal(batch.targetRow.length, batch.targetToken.length);
  assert.ok(batch.targetRow.every((row) => row < batch.scoreSlots.length));
}

function assertPadding(batch: DecoderBatch, slot: number): void {
  assert.deepEqual([batch.tokens[slot], batch.positions[slot]], [0, 0]);
  assert.equal(batch.first[slot], batch.last[slot]);
  assert.equal(batch.first.indexOf(batch.first[slot]!), slot, "padding sees itself alone");
}
