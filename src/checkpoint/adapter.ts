// What a LoRA adapter does to each tensor of its base: a product of two thin matrices added (LoRA, Hu et al.
// 2021, arXiv:2106.09685, eq. 3), or a whole tensor put in its place. Names are PEFT's. Matrices are read when
// their tensor is; nothing is computed here.

import { isFloatType } from "../base/dtype.ts";
import { TsmergeError } from "../base/errors.ts";
import { didYouMean } from "../base/suggest.ts";
import { type AdapterConfig, readAdapterConfig } from "./adapter-config.ts";
import type { Checkpoint, TensorInfo } from "./checkpoint.ts";
import { openFiles } from "./files.ts";
import { adapterFiles } from "./folder.ts";

/** A change of W, [rows, columns], by scale·L·R with L [rows, rank] and R [rank, columns]. */
export interface LowRankChange {
  readonly kind: "low-rank";
  readonly rank: number;
  readonly scale: number;
  /** True when W is stored inputs first: then L = Aᵀ and R = Bᵀ, else L = B and R = A. */
  readonly isTransposed: boolean;
  /** The adapter's tensor that L is, transposed or not. */
  readonly left: TensorInfo;
  readonly right: TensorInfo;
}

export interface Replacement {
  readonly kind: "replacement";
  readonly by: TensorInfo;
}

export interface Adapter {
  readonly checkpoint: Checkpoint;
  /** By the base's tensor names. */
  readonly changes: ReadonlyMap<string, LowRankChange | Replacement>;
}

const PREFIX = "base_model.model.";
/** `q_proj.lora_A.weight`, `q_proj.lora_A.default.weight`, `embed_tokens.lora_embedding_A`. */
const FACTOR = /^(.+)\.lora_(embedding_)?([AB])(?:\.[^.]+)?(?:\.weight)?$/;
/** What PEFT puts into the name of a saved module. */
const WRAPPER = /\.(modules_to_save|base_layer)(\.default)?\./;

const MERGE_FIRST = "merge the adapter with PEFT first";

interface Pair {
  readonly isEmbedding: boolean;
  A?: TensorInfo;
  B?: TensorInfo;
}

/**
 * Opens the adapter in a folder and finds the base's tensors that it changes.
 * @throws TsmergeError `checkpoint` for missing files, `incompatible` for what does not fit the base
 */
export async function openAdapter(base: Checkpoint, folder: string): Promise<Adapter> {
  const { weights } = await adapterFiles(folder);
  const config = await readAdapterConfig(folder);
  const checkpoint = await openFiles(folder, { files: [weights], index: undefined });
  try {
    return { checkpoint, changes: changesOf(base, checkpoint, config) };
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}

type Refuse = (message: string, hint?: string) => TsmergeError;

function changesOf(base: Checkpoint, adapter: Checkpoint, config: AdapterConfig) {
  const refuse: Refuse = (message, hint = "use the model that the adapter was trained on") =>
    new TsmergeError("incompatible", message, { where: adapter.directory, hint });
  const pairs = new Map<string, Pair>();
  const changes = new Map<string, LowRankChange | Replacement>();
  for (const tensor of adapter.tensors.values()) {
    if (!isFloatType(tensor.dtype)) throw refuse(`${tensor.name} is stored as ${tensor.dtype}`);
    const name = tensor.name.startsWith(PREFIX) ? tensor.name.slice(PREFIX.length) : tensor.name;
    const [, module, embedding, letter] = FACTOR.exec(name) ?? [];
    if (module !== undefined && (letter === "A" || letter === "B")) {
      const pair: Pair = pairs.get(module) ?? { isEmbedding: embedding !== undefined };
      if (pair[letter] !== undefined) throw refuse(`${module} has two lora_${letter}`, MERGE_FIRST);
      pair[letter] = tensor;
      pairs.set(module, pair);
    } else if (name.includes(".lora_")) {
      throw refuse(`${tensor.name} is no matrix of plain LoRA`, MERGE_FIRST);
    } else {
      const target = changed(base, name.replace(WRAPPER, "."), refuse);
      if (target.shape.slice(1).join() !== tensor.shape.slice(1).join()) {
        throw refuse(`${tensor.name} is [${tensor.shape}], and the base's is [${target.shape}]`);
      }
      if (changes.has(target.name)) throw refuse(`${target.name} is replaced twice`, MERGE_FIRST);
      changes.set(target.name, { kind: "replacement", by: tensor });
    }
  }
  for (const [module, pair] of pairs) {
    const weight = changed(base, `${module}.weight`, refuse);
    if (changes.has(weight.name)) {
      throw refuse(`${weight.name} is both replaced and changed by a product`, MERGE_FIRST);
    }
    changes.set(weight.name, lowRankChange(module, weight, pair, config, refuse));
  }
  if (changes.size > 0) return changes;
  throw refuse("the adapter changes nothing: it holds no tensors", "download the adapter again");
}

/** The base's tensor of that name; its files may leave the first part out, as GPT-2's do. */
function changed(base: Checkpoint, name: string, refuse: Refuse): TensorInfo {
  const short = name.slice(name.indexOf(".") + 1);
  const found = base.tensors.get(name) ?? base.tensors.get(short);
  if (found === undefined) {
    const guess = didYouMean(name, [...base.tensors.keys()]);
    throw refuse(`the adapter changes ${name}, which the base does not hold${guess}`);
  }
  if (isFloatType(found.dtype)) return found;
  throw refuse(`the adapter changes ${found.name}, which is stored as ${found.dtype}`);
}

function lowRankChange(
  module: string,
  weight: TensorInfo,
  { A, B, isEmbedding }: Pair,
  config: AdapterConfig,
  refuse: Refuse,
): LowRankChange {
  if (A === undefined || B === undefined) {
    throw refuse(`${module} has only one of lora_A and lora_B`, "download the adapter again");
  }
  const [rank = 0, inputs] = A.shape;
  const [outputs, inner] = B.shape;
  const isPair = A.shape.length === 2 && B.shape.length === 2 && inner === rank && rank > 0;
  const isPlain = weight.shape.join() === [outputs, inputs].join();
  const isSwapped = weight.shape.join() === [inputs, outputs].join();
  // PEFT drops fan_in_fan_out for layers that are none; where the matrix is not square its shape decides
  const isTransposed = isEmbedding || (isSwapped && (config.isFanInFanOut || !isPlain));
  if (!isPair || !(isTransposed ? isSwapped : isPlain)) {
    throw refuse(`A [${A.shape}] and B [${B.shape}] do not fit ${weight.name} [${weight.shape}]`);
  }
  const [left, right] = isTransposed ? [A, B] : [B, A];
  return { kind: "low-rank", rank, scale: config.scaleOf(module, rank), left, right, isTransposed };
}
