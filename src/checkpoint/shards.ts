// Which tensor goes into which file of a model folder. Pure: names, types and shapes in, layouts out.

import { TsmergeError } from "../base/errors.ts";
import { SINGLE_FILE } from "./folder.ts";
import { byteLengthOf, layOut, type SafetensorsLayout, type TensorSpec } from "./layout.ts";
import { MAX_NAME_LENGTH, MAX_TENSORS } from "./safetensors.ts";
import { DEFAULT_SHARD_BYTES } from "./shard-size.ts";

export interface ShardOptions {
  /** Most tensor bytes in one file; a tensor that is larger has a file to itself. Default 5·10⁹. */
  readonly shardBytes?: number;
  /** Goes into every header beside `format: pt`, without which transformers refuses the file. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface PlannedShard {
  /** Name in the folder. */
  readonly file: string;
  readonly layout: SafetensorsLayout;
}

/**
 * The files for these tensors, in their order: one model.safetensors, or numbered shards.
 * @throws TsmergeError `internal` for no tensors, a repeated name, or a malformed name or shape
 */
export function planShards(
  tensors: readonly TensorSpec[],
  options: ShardOptions = {},
): PlannedShard[] {
  checkSpecs(tensors);
  const metadata = { format: "pt", ...options.metadata };
  const groups = fill(tensors, options.shardBytes ?? DEFAULT_SHARD_BYTES);
  return groups.map((group, index) => ({
    file: shardName(index, groups.length),
    layout: layOut(group, metadata),
  }));
}

function checkSpecs(tensors: readonly TensorSpec[]): void {
  const names = new Set<string>();
  for (const { name, shape } of tensors) {
    const isNamed = name.length > 0 && name.length <= MAX_NAME_LENGTH && name !== "__metadata__";
    if (!isNamed || names.has(name) || !shape.every((n) => Number.isSafeInteger(n) && n >= 0)) {
      const shown = `"${name.slice(0, 80)}" ${JSON.stringify(shape)}`;
      throw new TsmergeError("internal", `cannot write tensor ${shown}: repeated or malformed`);
    }
    names.add(name);
  }
  if (names.size === 0 || names.size > MAX_TENSORS) {
    throw new TsmergeError("internal", `cannot write ${names.size} tensors`);
  }
}

/** Fills shards in order; a tensor that would overflow one starts the next. */
function fill(tensors: readonly TensorSpec[], limit: number): TensorSpec[][] {
  const groups: TensorSpec[][] = [[]];
  let bytes = 0;
  for (const spec of tensors) {
    const size = byteLengthOf(spec);
    if (bytes > 0 && bytes + size > limit) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(spec);
    bytes += size;
  }
  return groups;
}

function shardName(index: number, count: number): string {
  const five = (n: number) => String(n).padStart(5, "0");
  return count === 1 ? SINGLE_FILE : `model-${five(index + 1)}-of-${five(count)}.safetensors`;
}
