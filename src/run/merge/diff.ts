// Two models tensor by tensor: what `tsmerge diff` measures. Streams; no tensor is held.

import { isFloatType } from "../../base/dtype.ts";
import { TsmergeError } from "../../base/errors.ts";
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { openCheckpoint } from "../../checkpoint/open.ts";
import { resolveModel } from "../../hub/reference.ts";
import type { HubAccess } from "../../hub/settings.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import { wasmKernel } from "../../kernel/wasm/wasm.ts";
import {
  addDistances,
  cosineOf,
  type Distance,
  distanceOf,
  NO_DISTANCE,
  normOf,
  relativeNormOf,
} from "../../merge/compare.ts";
import { holdSameBytes } from "../../merge/files/copies.ts";

export interface Difference {
  /** ‖b − a‖ */
  readonly norm: number;
  /** ‖b − a‖ / ‖a‖ */
  readonly relative: number;
  readonly cosine: number;
}

export interface TensorDifference extends Difference {
  readonly name: string;
}

/** The tensors of one layer and one block, taken together. */
export interface BlockDifference extends Difference {
  /** Undefined outside the layers. */
  readonly layer: number | undefined;
  /** `attention`, `mlp`, `norm`, `embedding`, `head` or `other`. */
  readonly block: Block;
}

export const BLOCKS = ["embedding", "attention", "mlp", "norm", "head", "other"] as const;
export type Block = (typeof BLOCKS)[number];

export interface ModelDifference {
  readonly a: string;
  readonly b: string;
  readonly tensors: readonly TensorDifference[];
  /** By layer, then in the order of BLOCKS. */
  readonly blocks: readonly BlockDifference[];
  readonly whole: Difference;
  /** Tensors of a type that is not computed with (integers, float8, …), whose bytes differ. */
  readonly unequal: readonly string[];
  /** Tensors that only one model has, or in another shape or such a type. */
  readonly unmatched: readonly string[];
}

/**
 * Compares the tensors that two models share by name and shape.
 * @throws TsmergeError as resolveModel and openCheckpoint, and `incompatible` when they share none
 */
export async function diffModels(
  a: string,
  b: string,
  hub: HubAccess,
  onProgress: (done: number, tensors: number, tensor: string) => void = () => {},
): Promise<ModelDifference> {
  const searchRoots = [process.cwd()];
  const directories = [a, b].map((model) => resolveModel(model, { ...hub, searchRoots }));
  const [first, second] = await Promise.all(directories);
  const one = await openCheckpoint(first!);
  try {
    const other = await openCheckpoint(second!);
    const kernel = wasmKernel();
    try {
      return { a, b, ...(await diffCheckpoints([one, other], kernel, onProgress)) };
    } finally {
      await kernel.close();
      await other.close();
    }
  } finally {
    await one.close();
  }
}

async function diffCheckpoints(
  pair: readonly [Checkpoint, Checkpoint],
  kernel: Kernel,
  onProgress: (done: number, tensors: number, tensor: string) => void,
): Promise<Omit<ModelDifference, "a" | "b">> {
  const [a, b] = pair;
  const names = [...new Set([...a.tensors.keys(), ...b.tensors.keys()])].sort(byNumbers);
  const shapeIn = (side: Checkpoint, name: string) => {
    const { shape, dtype } = side.tensors.get(name) ?? {};
    if (shape === undefined || dtype === undefined) return undefined;
    return `${shape.join()} ${isFloatType(dtype) ? "" : dtype}`;
  };
  const shared = names.filter((name) => {
    const shape = shapeIn(a, name);
    return shape !== undefined && shape === shapeIn(b, name);
  });
  if (shared.length === 0) {
    throw new TsmergeError("incompatible", "the models share no tensor of one name and shape", {
      where: `${a.directory} and ${b.directory}`,
      hint: "compare models of one architecture and size",
    });
  }
  const tensors: TensorDifference[] = [];
  const blocks = new Map<string, { layer: number | undefined; block: Block; sums: Distance }>();
  let whole = NO_DISTANCE;
  const unequal: string[] = [];
  for (const [done, name] of shared.entries()) {
    onProgress(done, shared.length, name);
    if (!isFloatType(a.tensors.get(name)!.dtype)) {
      if (!(await holdSameBytes([a, name], [b, name]))) unequal.push(name);
      continue;
    }
    const distance = await distanceOf(kernel, pair, name);
    tensors.push({ name, ...differenceOf(distance) });
    whole = addDistances(whole, distance);
    const place = placeOf(name);
    const key = `${place.layer} ${place.block}`;
    const sums = addDistances(blocks.get(key)?.sums ?? NO_DISTANCE, distance);
    blocks.set(key, { ...place, sums });
  }
  const ordered = [...blocks.values()].sort(
    (x, y) =>
      (x.layer ?? -1) - (y.layer ?? -1) || BLOCKS.indexOf(x.block) - BLOCKS.indexOf(y.block),
  );
  return {
    tensors,
    blocks: ordered.map(({ layer, block, sums }) => ({ layer, block, ...differenceOf(sums) })),
    whole: differenceOf(whole),
    unequal,
    unmatched: names.filter((name) => !shared.includes(name)),
  };
}

function differenceOf(distance: Distance): Difference {
  const [norm, relative, cosine] = [normOf(distance), relativeNormOf(distance), cosineOf(distance)];
  return { norm, relative, cosine };
}

/** By the words that the families of decoders name their tensors with; `other` for the rest. */
const WORDS: readonly (readonly [Block, RegExp])[] = [
  ["norm", /norm|\bln_|layernorm/i],
  ["attention", /attn|attention/i],
  ["mlp", /mlp|ffn|feed_forward|expert|moe/i],
  ["embedding", /embed|\bwte\b|\bwpe\b/i],
  ["head", /lm_head|embed_out|output\.weight/i],
];

function placeOf(name: string): { layer: number | undefined; block: Block } {
  const layer = /(?:^|\.)(\d+)\./.exec(name)?.[1];
  const block = WORDS.find(([, words]) => words.test(name))?.[0] ?? "other";
  return { layer: layer === undefined ? undefined : Number(layer), block };
}

/** `layers.2.` before `layers.10.` */
function byNumbers(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
