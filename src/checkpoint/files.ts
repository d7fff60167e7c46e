// Weight files of one folder as a Checkpoint. Opening reads headers only; weights are read by byte range, and
// a file is opened when first needed.

import { join } from "node:path";
import { TsmergeError } from "../base/errors.ts";
import { didYouMean } from "../base/suggest.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { WeightFiles } from "./folder.ts";
import { readHeader, type StoredTensor } from "./safetensors.ts";
import { type ByteSource, fileSource } from "./source.ts";
import { readTorchFile } from "./torch-file.ts";

interface Located extends StoredTensor {
  readonly file: string;
}

/**
 * Opens the files and checks every header. A tensor that stands in a file but not in the index is part of
 * the model, as it is for transformers.
 * @param directory a real path
 * @throws TsmergeError `checkpoint` or `io` with the file that is wrong
 */
export async function openFiles(
  directory: string,
  { files, index }: WeightFiles,
): Promise<Checkpoint> {
  const tensors = new Map<string, Located>();
  for (const file of files) {
    for (const tensor of await headerOf(join(directory, file))) {
      const other = tensors.get(tensor.name)?.file;
      if (other !== undefined) {
        throw new TsmergeError("checkpoint", `tensor "${tensor.name}" stands in ${other} too`, {
          where: join(directory, file),
          hint: "delete shards left over from another download, and download the index again",
        });
      }
      tensors.set(tensor.name, { ...tensor, file });
    }
  }
  for (const [name, file] of index ?? []) {
    if (tensors.get(name)?.file === file) continue;
    throw new TsmergeError(
      "checkpoint",
      `the index finds tensor "${name}" in ${file}, where it is not`,
      {
        where: join(directory, file),
        hint: "index and shards come from different saves: download the model again",
      },
    );
  }
  return checkpointOver(directory, tensors);
}

async function headerOf(file: string): Promise<readonly StoredTensor[]> {
  const source = await fileSource(file);
  try {
    if (file.endsWith(".bin")) return await readTorchFile(source, file);
    return (await readHeader(source, file)).tensors;
  } finally {
    await source.close();
  }
}

function checkpointOver(directory: string, tensors: ReadonlyMap<string, Located>): Checkpoint {
  const sources = new Map<string, Promise<ByteSource>>();
  let isClosed = false;
  const sourceOf = (file: string) => {
    const source = sources.get(file) ?? fileSource(join(directory, file));
    sources.set(file, source);
    return source;
  };
  return {
    directory,
    tensors,
    async read(name, byteOffset, into) {
      if (isClosed) throw new TsmergeError("internal", "read after close", { where: directory });
      const tensor = tensors.get(name);
      if (tensor === undefined) {
        const guess = didYouMean(name, [...tensors.keys()]);
        throw new TsmergeError("checkpoint", `there is no tensor "${name}"${guess}`, {
          where: directory,
          hint: "the parents of a merge need the same architecture and number of layers",
        });
      }
      if (!(byteOffset >= 0 && byteOffset + into.byteLength <= tensor.byteLength)) {
        const wanted = `${into.byteLength} bytes from ${byteOffset}`;
        throw new TsmergeError(
          "internal",
          `tensor "${name}" has ${tensor.byteLength} bytes, and ${wanted} were asked for`,
          { where: directory },
        );
      }
      await (await sourceOf(tensor.file)).read(tensor.fileOffset + byteOffset, into);
    },
    async close() {
      isClosed = true;
      const opened = await Promise.allSettled(sources.values()); // what failed to open was thrown by its read
      sources.clear();
      await Promise.all(
        opened.map((o) => (o.status === "fulfilled" ? o.value.close() : undefined)),
      );
    },
  };
}
