// Which files of a Hugging Face model folder hold the weights: one model.safetensors, or shards behind an
// index. Looks at names and the index only; no weights are opened here.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { TsmergeError } from "../base/errors.ts";
import { ioError } from "../base/io-error.ts";
import { readJson } from "../base/json.ts";

export const SINGLE_FILE = "model.safetensors";
export const INDEX_FILE = "model.safetensors.index.json";
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
 * @throws TsmergeError `checkpoint` if the folder holds no safetensors weights, naming what is there instead
 */
export async function weightFiles(directory: string): Promise<WeightFiles> {
  const present = await readdir(directory).catch((cause: unknown) => {
    throw ioError("read", directory, cause);
  });
  if (!present.includes("config.json")) {
    throw new TsmergeError("checkpoint", "config.json is missing", {
      where: directory,
      hint: present.includes("adapter_config.json")
        ? "this is a LoRA adapter, which is not supported yet: merge it into its base first"
        : "give the folder of a model in the Hugging Face layout",
    });
  }
  const hasSingle = present.includes(SINGLE_FILE);
  if (!present.includes(INDEX_FILE)) {
    if (hasSingle) return { files: [SINGLE_FILE], index: undefined };
    throw noWeights(directory, present);
  }
  const index = await readIndex(join(directory, INDEX_FILE));
  const files = [...new Set(index.values())].sort();
  if (hasSingle && !files.includes(SINGLE_FILE)) {
    throw new TsmergeError("checkpoint", `both ${SINGLE_FILE} and ${INDEX_FILE} are there`, {
      where: directory,
      hint: "delete the one that is out of date, with its shards",
    });
  }
  const missing = files.filter((file) => !present.includes(file));
  if (missing.length > 0) {
    throw new TsmergeError("checkpoint", `the index names ${listed(missing)}, which is not there`, {
      where: join(directory, INDEX_FILE),
      hint: "download the missing shards, or the whole model, again",
    });
  }
  return { files, index };
}

async function readIndex(file: string): Promise<Map<string, string>> {
  const parsed = indexSchema.safeParse(await readJson(file));
  const fail = (message: string) =>
    new TsmergeError("checkpoint", message, { where: file, hint: "download the index again" });
  if (!parsed.success) throw fail("weight_map must map tensor names to file names");
  const index = new Map(Object.entries(parsed.data.weight_map));
  const shards = new Set(index.values());
  const stray = [...shards].find((name) => !/^[\w.-]+\.safetensors$/.test(name));
  if (stray !== undefined) throw fail(`"${stray}" is not the name of a safetensors file beside it`);
  if (shards.size === 0 || shards.size > MAX_SHARDS) {
    throw fail(`the index names ${shards.size} shards, not 1 to ${MAX_SHARDS}`);
  }
  return index;
}

function noWeights(directory: string, present: readonly string[]): TsmergeError {
  const pickles = present.filter((name) => /\.(bin|pt|pth)$/.test(name));
  const others = present.filter((name) => /\.(safetensors|gguf|onnx)$/.test(name));
  if (pickles.length > 0) {
    return new TsmergeError("checkpoint", `the weights are pickled, in ${listed(pickles)}`, {
      where: directory,
      hint: "this is not supported yet: save the model as safetensors, or download a revision that has them",
    });
  }
  const seen = others.length > 0 ? `; ${listed(others)} cannot stand in` : "";
  return new TsmergeError("checkpoint", `${SINGLE_FILE} or ${INDEX_FILE} is missing${seen}`, {
    where: directory,
    hint: "download the weights too, or give another folder",
  });
}

function listed(names: readonly string[]): string {
  const rest = names.length - 3;
  return names.slice(0, 3).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}
