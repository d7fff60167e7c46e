// Facts about one output tensor's inputs that no parameter changes, each computed when first asked
// for and kept: what makes a candidate cost one pass. Sums are f64 in element order, whatever the tiles.

import { TsmergeError } from "../base/errors.ts";
import type { TensorDraws } from "./draws.ts";
import type { ElementReader, Series } from "./elements.ts";
import {
  DENSITY_STEPS,
  highHistogram,
  keptCount,
  type MagnitudeTable,
  SORT_LIMIT,
  type Stream,
  selectCut,
  tableOf,
} from "./magnitudes.ts";
import type { MagnitudeCut, Mass, TensorStatistics } from "./method.ts";

/** Draws of one table bucket: 2^24 / 4096. */
const BUCKET_DRAWS = 2 ** 12;

/** Σ|δ| by draw bucket, summed up: kept[b] is the mass of draws below b·BUCKET_DRAWS. */
interface MassTable {
  readonly total: number;
  readonly kept: Float64Array; // [4097]
}

/** What is known of one output tensor's inputs; outlives a merge, while draws may differ in each. */
export interface TensorFacts {
  statistics(draws: TensorDraws): TensorStatistics;
}

/** Facts of the inputs that `reader` reads; `base` is the input that task vectors are taken from. */
export function tensorFacts(reader: ElementReader, base: number | undefined): TensorFacts {
  const kept = new Map<string, Promise<unknown>>();
  /** The promise under `key`, made once; a failure is not kept. */
  const once = <T>(key: string, make: () => Promise<T>): Promise<T> => {
    const known = kept.get(key);
    if (known !== undefined) return known as Promise<T>; // a key names one kind of fact
    const made = make().catch((error: unknown) => {
      kept.delete(key);
      throw error;
    });
    kept.set(key, made);
    return made;
  };

  const difference = (i: number): Series => {
    if (base !== undefined) return { input: i, minus: base };
    throw new TsmergeError("internal", `input ${i} has no base to be compared with`, {
      hint: "declare the method's base as required",
    });
  };
  const stream =
    (i: number): Stream =>
    (visit) =>
      reader.each(
        [difference(i)],
        ([tile], firstElement) => visit(tile as Float32Array<ArrayBuffer>, firstElement), // readers own their tiles
      );

  async function dot(i: number, j: number): Promise<number> {
    let total = 0;
    await reader.each(i === j ? [{ input: i }] : [{ input: i }, { input: j }], (tiles) => {
      const x = tiles[0]!;
      const y = tiles.at(-1)!;
      let sum = total; // a local: captured variables are slow in inner loops, here and below
      for (let e = 0; e < x.length; e++) sum += x[e]! * y[e]!;
      total = sum;
    });
    return total;
  }

  async function magnitudeCut(i: number, density: number): Promise<MagnitudeCut> {
    const step = density * DENSITY_STEPS;
    if (Number.isInteger(step) && reader.elements <= SORT_LIMIT) {
      const table: MagnitudeTable = await once(`table ${i}`, () =>
        tableOf(stream(i), reader.elements),
      );
      return { threshold: table.thresholds[step]!, cut: table.cuts[step]! };
    }
    const k = keptCount(density, reader.elements);
    return once(`cut ${i} ${k}`, async () => {
      const high = await once(`high ${i}`, () => highHistogram(stream(i)));
      return selectCut(stream(i), reader.elements, high, k);
    });
  }

  async function cutMass(i: number, density: number): Promise<Mass> {
    const { threshold, cut } = await magnitudeCut(i, density);
    let mass: Mass = { total: 0, kept: 0 };
    await stream(i)((tile, firstElement) => {
      let { total, kept } = mass;
      for (let e = 0; e < tile.length; e++) {
        const magnitude = Math.abs(tile[e]!);
        total += magnitude;
        if (magnitude > threshold || (magnitude === threshold && firstElement + e < cut)) {
          kept += magnitude;
        }
      }
      mass = { total, kept };
    });
    return mass;
  }

  /** Visits magnitudes beside the draws of a stream. */
  async function eachDrawn(
    i: number,
    draws: TensorDraws,
    s: number,
    visit: (tile: Float32Array, plane: Uint32Array) => void,
  ): Promise<void> {
    const fill = draws.reader(s);
    let buffer = new Uint32Array(0);
    await stream(i)((tile) => {
      if (buffer.length < tile.length) buffer = new Uint32Array(tile.length);
      const plane = buffer.subarray(0, tile.length);
      fill(plane);
      visit(tile, plane);
    });
  }

  async function massTable(i: number, draws: TensorDraws, s: number): Promise<MassTable> {
    let total = 0;
    const kept = new Float64Array(DENSITY_STEPS + 1);
    await eachDrawn(i, draws, s, (tile, plane) => {
      let sum = total;
      for (let e = 0; e < tile.length; e++) {
        const magnitude = Math.abs(tile[e]!);
        sum += magnitude;
        kept[(plane[e]! >>> 12) + 1]! += magnitude;
      }
      total = sum;
    });
    for (let b = 1; b <= DENSITY_STEPS; b++) kept[b]! += kept[b - 1]!;
    return { total, kept };
  }

  async function massBelow(i: number, draws: TensorDraws, s: number, bound: number): Promise<Mass> {
    let mass: Mass = { total: 0, kept: 0 };
    await eachDrawn(i, draws, s, (tile, plane) => {
      let { total, kept } = mass;
      for (let e = 0; e < tile.length; e++) {
        const magnitude = Math.abs(tile[e]!);
        total += magnitude;
        if (plane[e]! < bound) kept += magnitude;
      }
      mass = { total, kept };
    });
    return mass;
  }

  return {
    statistics: (draws) => ({
      dot: (i, j) => once(`dot ${Math.min(i, j)} ${Math.max(i, j)}`, () => dot(i, j)),
      magnitudeCut,
      cutMass: (i, density) => once(`cut mass ${i} ${density}`, () => cutMass(i, density)),
      // The procedure depends on the bound alone: a sum in another order has other last bits, and an
      // exported recipe must merge to the bytes that were scored.
      async drawnMass(i, s, bound) {
        const key = draws.keys?.[s];
        if (key === undefined) return massBelow(i, draws, s, bound);
        if (bound % BUCKET_DRAWS !== 0) {
          return once(`mass ${i} ${key} ${bound}`, () => massBelow(i, draws, s, bound));
        }
        const table = await once(`masses ${i} ${key}`, () => massTable(i, draws, s));
        return { total: table.total, kept: table.kept[bound / BUCKET_DRAWS]! };
      },
    }),
  };
}
