// Plain causal scoring, a row for each sequence and no sharing: what the token trie is compared with.

import type { DecoderBatch } from "../batch.ts";

/**
 * One batch that scores every next token of each sequence.
 * Results follow the sequences: log p(token 1), log p(token 2), … of the first, then of the next.
 * @param sequences at least one, with three tokens or more in all pairs (two scored slots)
 */
export function causalBatch(sequences: readonly ArrayLike<number>[]): DecoderBatch {
  const rows = sequences.length;
  const columns = Math.max(...sequences.map((sequence) => sequence.length));
  const slots = rows * columns;
  const batch = {
    rows,
    columns,
    tokens: new Int32Array(slots),
    positions: new Int32Array(slots),
    first: Int32Array.from({ length: slots }, (_, slot) => -1 - slot),
    last: Int32Array.from({ length: slots }, (_, slot) => -1 - slot),
    anchor: -1,
    keepsState: false,
  };
  const scoreSlots: number[] = [];
  const targetToken: number[] = [];
  sequences.forEach((sequence, row) => {
    for (let position = 0; position < sequence.length; position++) {
      const slot = row * columns + position;
      batch.tokens[slot] = sequence[position]!;
      batch.positions[slot] = position;
      batch.first[slot] = position;
      batch.last[slot] = sequence.length - 1;
      if (position + 1 === sequence.length) continue;
      scoreSlots.push(slot);
      targetToken.push(sequence[position + 1]!);
    }
  });
  return {
    ...batch,
    scoreSlots: Int32Array.from(scoreSlots),
    targetRow: Int32Array.from(scoreSlots.keys()),
    targetToken: Int32Array.from(targetToken),
  };
}
