// Facts about one output tensor's inputs, each computed when first asked for and kept: what makes a candidate
// cost one pass. Those that a parameter decides (a cut at some density) are kept for the last parameters only,
// for a search asks for ever new ones. Sums are f64 in an order of their own, whatever the tiles.

import { DRAWS, type StreamKey } from "../../base/counter-rng.ts";
import { TsmergeError } from "../../base/errors.ts";
import { memo } from "../../base/memo.ts";
import {
  abs,
  and,
  constant,
  drawBelow,
  type Expression,
  input,
  type Mask,
  not,
  select,
  sub,
} from "../../kernel/expression.ts";
import { DRAW_BUCKETS } from "../../kernel/kernel.ts";
import type { TensorDraws } from "../draws.ts";
import type { ElementReader, SumNumbers } from "../elements.ts";
import type { MagnitudeCut, Mass, TensorStatistics } from "../method.ts";
import {
  DENSITY_STEPS,
  isKept,
  keptCount,
  type MagnitudeTable,
  magnitudesOf,
  SORT_LIMIT,
  type Stream,
  selectCut,
  tableOf,
  withinCut,
} from "./magnitudes.ts";
import { cascadeSum, orderedSum, type Sum } from "./sums.ts";

/** Draws of one table bucket. */
const BUCKET_DRAWS = DRAWS / DRAW_BUCKETS;

/** Facts kept for parameters: several for each of a dozen models in one merge. */
const RECENT_FACTS = 64;

/** Nothing finite is larger. A device need not keep infinities. */
const LARGEST_FLOAT32 = (2 - 2 ** -23) * 2 ** 127;

/** Σ|δ| by draw bucket, summed up: kept[b] is the mass of draws below b·BUCKET_DRAWS. */
interface MassTable {
  readonly total: number;
  readonly kept: Float64Array; // [4097]
}

/** What is known of one output tensor's inputs; outlives a merge, while draws may differ in each. */
export interface TensorFacts {
  /** `torchSums`: masses are summed as torch sums float32, for compat. */
  statistics(draws: TensorDraws, torchSums: boolean): TensorStatistics;
}

/**
 * Facts of the inputs that `reader` reads; `base` is the input that task vectors are taken from.
 * @param isReused whether many candidates will ask: then one pass answers for all densities where it can
 */
export function tensorFacts(
  reader: ElementReader,
  base: number | undefined,
  isReused: boolean,
): TensorFacts {
  const once = memo();
  const recent = memo(RECENT_FACTS);

  const difference = (i: number): Expression => {
    if (base !== undefined) return sub(input(i), input(base));
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

  /** A product of two inputs leaves the squares of both behind: the pass is the same. */
  async function dot(i: number, j: number): Promise<number> {
    const [low, high] = [Math.min(i, j), Math.max(i, j)];
    if (low === high) {
      return once(`dot ${i}`, async () => (await reader.sums([[input(i), input(i)]]))[0]!);
    }
    const pairs = [[low, low] as const, [low, high] as const, [high, high] as const];
    const [first, product, second] = await once(`dots ${low} ${high}`, () =>
      reader.sums(pairs.map(([x, y]) => [input(x), input(y)] as const)),
    );
    await once(`dot ${low}`, async () => first!);
    await once(`dot ${high}`, async () => second!);
    return product!;
  }

  async function magnitudeCut(i: number, density: number): Promise<MagnitudeCut> {
    const step = density * DENSITY_STEPS;
    if (isReused && Number.isInteger(step) && reader.elements <= SORT_LIMIT) {
      const table: MagnitudeTable = await once(`table ${i}`, () =>
        tableOf(stream(i), reader.elements),
      );
      return { threshold: table.thresholds[step]!, cut: table.cuts[step]! };
    }
    return countCut(i, keptCount(density, reader.elements));
  }

  async function countCut(i: number, k: number): Promise<MagnitudeCut> {
    if (k <= 0) return { threshold: LARGEST_FLOAT32, cut: 0 };
    return recent(`cut ${i} ${k}`, () => selectCut(magnitudesOf(reader, difference(i)), k));
  }

  /** Σ|δ| over the whole tensor and where a mask holds, by the kernel. */
  async function massWhere(i: number, mask: Mask, numbers: SumNumbers): Promise<Mass> {
    const magnitude = abs(difference(i));
    const terms = [[magnitude], [select(mask, magnitude, constant(0))]] as const;
    const [total, kept] = await reader.sums(terms, numbers);
    return { total: total!, kept: kept! };
  }

  /** The same tile by tile, by a sum of compat's, where `filter` fills what is kept from a tile's magnitudes. */
  async function streamedMass(
    i: number,
    sum: () => Sum,
    filter: (magnitudes: Float32Array, firstElement: number, kept: Float32Array) => void,
  ): Promise<Mass> {
    const [total, part] = [sum(), sum()];
    let kept = new Float32Array(0);
    await stream(i)((tile, firstElement) => {
      if (kept.length !== tile.length) kept = new Float32Array(tile.length);
      for (let e = 0; e < tile.length; e++) tile[e] = Math.abs(tile[e]!);
      filter(tile, firstElement, kept);
      total.add(tile);
      part.add(kept);
    });
    return { total: total.total(), kept: part.total() };
  }

  /** The mass that `most` keeps and `least` does not; by the kernel, or as torch sums. */
  function massBetween(
    i: number,
    most: MagnitudeCut,
    least: MagnitudeCut,
    sum: (() => Sum) | undefined,
  ): Promise<Mass> {
    if (sum === undefined) {
      const magnitude = abs(difference(i));
      const mask = and(withinCut(magnitude, 0, 0), not(withinCut(magnitude, 1, 1)));
      return massWhere(i, mask, {
        scalars: [most.threshold, least.threshold],
        integers: [most.cut, least.cut],
      });
    }
    return streamedMass(i, sum, (magnitudes, firstElement, kept) => {
      for (let e = 0; e < kept.length; e++) {
        const x = magnitudes[e]!;
        kept[e] = isKept(most, x, firstElement + e) && !isKept(least, x, firstElement + e) ? x : 0;
      }
    });
  }

  function massBelow(
    i: number,
    draws: (plane: Uint32Array) => void,
    bound: number,
    sum: () => Sum,
  ): Promise<Mass> {
    let plane = new Uint32Array(0);
    return streamedMass(i, sum, (magnitudes, _firstElement, kept) => {
      if (plane.length !== kept.length) plane = new Uint32Array(kept.length);
      draws(plane);
      for (let e = 0; e < kept.length; e++) kept[e] = plane[e]! < bound ? magnitudes[e]! : 0;
    });
  }

  async function massTable(i: number, key: StreamKey): Promise<MassTable> {
    const kept = new Float64Array(DRAW_BUCKETS + 1);
    kept.set(await reader.drawSums(abs(difference(i)), key), 1);
    for (let b = 1; b <= DRAW_BUCKETS; b++) kept[b]! += kept[b - 1]!;
    return { total: kept[DRAW_BUCKETS]!, kept };
  }

  return {
    statistics: (draws, torchSums) => {
      const torchSum = torchSums ? () => cascadeSum(reader.elements) : undefined;
      const sum = torchSum ?? orderedSum;
      return {
        dot,
        magnitudeCut,
        cutMass: (i, density) =>
          recent(`cut mass ${i} ${density} ${torchSums}`, async () =>
            massBetween(i, await magnitudeCut(i, density), await countCut(i, 0), torchSum),
          ),
        countCut,
        bandMass: (i, most, least) =>
          recent(`band mass ${i} ${most} ${least} ${torchSums}`, async () =>
            massBetween(i, await countCut(i, most), await countCut(i, least), torchSum),
          ),
        inputs: reader,
        fact: (name, make) => once(`fact ${name}`, make),
        recentFact: (name, make) => recent(`fact ${name}`, make),
        draws: (stream) => draws.reader(stream),
        sample: (stream, count) => draws.sample(stream, reader.elements, count),
        sum,
        // The procedure depends on the bound alone: a sum in another order has other last bits, and an
        // exported recipe must merge to the bytes that were scored.
        async drawnMass(i, s, bound) {
          const key = draws.keys?.[s];
          if (key === undefined) return massBelow(i, draws.reader(s), bound, sum);
          if (bound % BUCKET_DRAWS === 0) {
            const table = await once(`masses ${i} ${key}`, () => massTable(i, key));
            return { total: table.total, kept: table.kept[bound / BUCKET_DRAWS]! };
          }
          return massWhere(i, drawBelow(0, 0), { integers: [bound], streams: [key] });
        },
      };
    },
  };
}
