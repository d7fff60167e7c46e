// Which files of a Hugging Face model folder hold the weights: one file, or shards behind an index; as
// safetensors, or pickled where there are none. Looks at names and the index only; no weights are opened here.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { TsmergeError } from "../base/errors.ts";
import { ioError } from "../base/io-error.ts";
import { readJson } from "../base/json.ts";

export const SINGLE_FILE = "model.safetensors";
export const INDEX_FILE = "model.safetensors.index.json";

/** A way to store weights: the name of a single file, of the index of several, and what their names look like. */
interface Format {
  readonly single: string;
  readonly index: string;
  readonly shard: RegExp;
  readonly kind: string;
}

/** Where a folder has several, the first counts, as for transformers. */
const FORMATS: readonly Format[] = [
  {
    ...{ single: SINGLE_FILE, index: INDEX_FILE, kind: "safetensors" },
    shard: /^[\w.-]+\.safetensors$/,
  },
  {
    ...{ single: "pytorch_model.bin", index: "pytorch_model.bin.index.json", kind: "pickled" },
    shard: /^[\w.-]+\.bin$/,
  },
];

/** A shard holds gigabytes, so no model has this many. */
const MAX_SHARDS = 10_000;

/** The files that hold a folder's weights. */
export interface WeightFiles {
  /** Names inside the folder, in ascending order. */
  readonly files: readonly string[];
  /** Tensor name to file, if there is an index. */
  readonly index: ReadonlyMap<string, string> | undefined;
}

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * Finds the weights of a folder without opening them.
 * @throws TsmergeError `checkpoint` if the folder holds no weights, naming what is there instead
 */
export async function weightFiles(directory: string): Promise<WeightFiles> {
  const present = await readdir(directory).catch((cause: unknown) => {
    throw ioError("read", directory, cause);
  });
  if (!present.includes("config.json")) {
    throw new TsmergeError("checkpoint", "config.json is missing", {
      where: directory,
      hint: present.includes(ADAPTER_CONFIG)
        ? "this is a LoRA adapter: write base+adapter, with the model it was trained on first"
        : "give the folder of a model in the Hugging Face layout",
    });
  }
  const format = FORMATS.find(
    ({ single, index }) => present.includes(single) || present.includes(index),
  );
  if (format === undefined) throw noWeights(directory, present);
  const hasSingle = present.includes(format.single);
  if (!present.includes(format.index)) return { files: [format.single], index: undefined };
  const index = await readIndex(join(directory, format.index), format);
  const files = [...new Set(index.values())].sort();
  if (hasSingle && !files.includes(format.single)) {
    throw new TsmergeError("checkpoint", `both ${format.single} and ${format.index} are there`, {
      where: directory,
      hint: "delete the one that is out of date, with its shards",
    });
  }
  const missing = files.filter((file) => !present.includes(file));
  if (missing.length > 0) {
    throw new TsmergeError("checkpoint", `the index names ${listed(missing)}, which is not there`, {
      where: join(directory, format.index),
      hint: "download the missing shards, or the whole model, again",
    });
  }
  return { files, index };
}

async function readIndex(file: string, format: Format): Promise<Map<string, string>> {
  const parsed = indexSchema.safeParse(await readJson(file));
  const fail = (message: string) =>
    new TsmergeError("checkpoint", message, { where: file, hint: "download the index again" });
  if (!parsed.success) throw fail("weight_map must map tensor names to file names");
  const index = new Map(Object.entries(parsed.data.weight_map));
  const shards = new Set(index.values());
  const stray = [...shards].find((name) => !format.shard.test(name));
  if (stray !== undefined) {
    throw fail(`"${stray}" is not the name of a ${format.kind} file beside it`);
  }
  if (shards.size === 0 || shards.size > MAX_SHARDS) {
    throw fail(`the index names ${shards.size} shards, not 1 to ${MAX_SHARDS}`);
  }
  return index;
}

function noWeights(directory: string, present: readonly string[]): TsmergeError {
  const others = present.filter((name) => /\.(safetensors|bin|pt|pth|gguf|onnx)$/.test(name));
  const seen = others.length > 0 ? `; ${listed(others)} cannot stand in` : "";
  return new TsmergeError("checkpoint", `${SINGLE_FILE} or ${INDEX_FILE} is missing${seen}`, {
    where: directory,
    hint: "download the weights too, or give another folder",
  });
}

const ADAPTER_CONFIG = "adapter_config.json";
const ADAPTER_WEIGHTS = ["adapter_model.safetensors", "adapter_model.bin"];

/**
 * The two files of a LoRA adapter as PEFT saves it.
 * @throws TsmergeError `checkpoint` naming the one that is missing
 */
export async function adapterFiles(folder: string): Promise<{ config: string; weights: string }> {
  const present = await readdir(folder).catch((cause: unknown) => {
    throw ioError("read", folder, cause);
  });
  const weights = ADAPTER_WEIGHTS.find((name) => present.includes(name));
  if (weights !== undefined && present.includes(ADAPTER_CONFIG)) {
    return { config: ADAPTER_CONFIG, weights };
  }
  const missing = weights === undefined ? ADAPTER_WEIGHTS.join(" or ") : ADAPTER_CONFIG;
  throw new TsmergeError("checkpoint", `${missing} is missing`, {
    where: folder,
    hint: "after the plus give the folder of a LoRA adapter as PEFT saves it",
  });
}

function listed(names: readonly string[]): string {
  const rest = names.length - 3;
  return names.slice(0, 3).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}
