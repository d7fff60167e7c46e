// Tensors that are copied, not merged: whether the models that hold one hold the same bytes, and its way from
// file to file. Nothing here knows what the bytes mean.

import { TsmergeError } from "../../base/errors.ts";
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { openCheckpoint } from "../../checkpoint/open.ts";
import { splitLocation } from "../../hub/location.ts";
import type { CopiedTensor, MergePlan, OutputTensor } from "../plan.ts";

/** Bytes of one read. */
const CHUNK_BYTES = 2 ** 23;

/** The tensor's bytes in order; a chunk is overwritten when the next is asked for. */
export async function* chunksOf(
  { sources: [source] }: CopiedTensor,
  checkpoints: readonly Checkpoint[],
): AsyncGenerator<Uint8Array> {
  const { model, name } = source!; // a copied tensor lies in one model at least
  yield* chunksIn(checkpoints[model]!, name);
}

async function* chunksIn(checkpoint: Checkpoint, name: string): AsyncGenerator<Uint8Array> {
  const { byteLength } = checkpoint.tensors.get(name)!; // the plan was made from these tensors
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, byteLength));
  for (let at = 0; at < byteLength; at += CHUNK_BYTES) {
    const chunk = buffer.subarray(0, Math.min(CHUNK_BYTES, byteLength - at));
    await checkpoint.read(name, at, chunk);
    yield chunk;
  }
}

/**
 * Reads every copied tensor that several models hold, and stops at the first that differs.
 * @param unmade locations of models that do not exist yet, which are not looked at
 * @throws TsmergeError `incompatible` naming the tensor, its type and both models
 */
export async function checkCopies(
  { models, copies = [] }: MergePlan,
  unmade: ReadonlySet<string> = new Set(),
): Promise<void> {
  const isMade = ({ model }: CopiedTensor["sources"][number]) => !unmade.has(models[model]!);
  const shared = copies
    .map((tensor) => ({ ...tensor, sources: tensor.sources.filter(isMade) }))
    .filter(({ sources }) => sources.length > 1);
  const used = new Set(shared.flatMap(({ sources }) => sources.map(({ model }) => model)));
  const opened = new Map<number, Checkpoint>();
  try {
    for (const model of used) opened.set(model, await openCheckpoint(models[model]!));
    for (const tensor of shared) {
      const [first, ...others] = tensor.sources;
      for (const other of others) {
        const [one, two] = [first!, other].map(({ model }) => opened.get(model)!);
        if (await holdSameBytes([one!, first!.name], [two!, other.name])) continue;
        throw unequal(tensor, models[first!.model]!, models[other.model]!);
      }
    }
  } finally {
    await Promise.all([...opened.values()].map((checkpoint) => checkpoint.close()));
  }
}

/** Whether two stored tensors of one size and type are equal. Throws TsmergeError `io`. */
export async function holdSameBytes(
  one: readonly [Checkpoint, string],
  other: readonly [Checkpoint, string],
): Promise<boolean> {
  const chunks = chunksIn(...other);
  for await (const chunk of chunksIn(...one)) {
    const { value } = await chunks.next();
    if (value === undefined || Buffer.compare(chunk, value) !== 0) return false;
  }
  return true;
}

function unequal({ name, dtype }: OutputTensor, one: string, other: string): TsmergeError {
  const [a, b] = [one, other].map((location) => splitLocation(location).folder);
  return new TsmergeError(
    "incompatible",
    `tensor ${name} is ${dtype}, which cannot be merged, and ${a} and ${b} hold other values of it`,
    {
      hint: "take the models in float32, float16 or bfloat16, or that tensor from one model (passthrough)",
    },
  );
}
