// Packs subtrees that continue from the same anchor into batches of rows. Padding and pairs are traded
// against the number of batches by one cost; it knows sizes only, not tokens.

import { type CostModel, slotCost } from "./segments.ts";

/** Rows of equal capacity; each holds the given sizes' indices one after another. */
export interface Packing {
  readonly columns: number;
  readonly rows: readonly (readonly number[])[];
}

/**
 * Splits sizes, sorted from large to small, into consecutive batches of least total cost. In a batch the
 * largest size gives the columns, and each further size goes into the row with the least room that
 * holds it, or into a new row (best fit decreasing).
 * @param past keys before the rows
 */
export function pack(sizes: readonly number[], past: number, model: CostModel): Packing[] {
  const cost = new Float64Array(sizes.length + 1); // of the sizes from an index on
  const ends = new Int32Array(sizes.length);
  for (let start = sizes.length - 1; start >= 0; start--) {
    const columns = sizes[start]!;
    const rooms = new Rooms(columns);
    cost[start] = Infinity;
    for (let end = start; end < sizes.length; ) {
      rooms.place(sizes[end++]!);
      if (rooms.rows > 1 && rooms.rows * columns > model.slots) break;
      const own = model.perBatch + slotCost(rooms.rows, columns, past, model);
      if (own + cost[end]! < cost[start]!) {
        cost[start] = own + cost[end]!;
        ends[start] = end;
      }
    }
  }
  const packings: Packing[] = [];
  for (let start = 0; start < sizes.length; start = ends[start]!) {
    const columns = sizes[start]!;
    const rooms = new Rooms(columns);
    const rows: number[][] = [];
    for (let index = start; index < ends[start]!; index++) {
      const row = rooms.place(sizes[index]!);
      if (row === rows.length) rows.push([index]);
      else rows[row]!.push(index);
    }
    packings.push({ columns, rows });
  }
  return packings;
}

/** The rows of one batch, by the room that is left in them. */
class Rooms {
  rows = 0;
  readonly #columns: number;
  /** Rows with a given room, last in first out. */
  readonly #withRoom: number[][] = [];

  constructor(columns: number) {
    this.#columns = columns;
  }

  /** Puts a size into the fullest row that holds it, or a new one; returns the row. */
  place(size: number): number {
    let room = size;
    while (room <= this.#columns && (this.#withRoom[room]?.length ?? 0) === 0) room++;
    const row = room > this.#columns ? this.rows++ : this.#withRoom[room]!.pop()!;
    const left = Math.min(room, this.#columns) - size;
    const rows = this.#withRoom[left];
    if (rows === undefined) this.#withRoom[left] = [row];
    else rows.push(row);
    return row;
  }
}
