// A model's identity: what its weights and configuration hold, not where it lies or what it is called.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { contentHash } from "../base/hash.ts";
import { ioError } from "../base/io-error.ts";
import { splitLocation } from "../hub/location.ts";
import { adapterFiles, weightFiles } from "./folder.ts";

const CHUNK_BYTES = 4 * 2 ** 20;

/** Digest of each file hashed in this process, by path, size and time of change. */
const known = new Map<string, Promise<string>>();

/**
 * SHA-256 over the digests of config.json and the weight files, and of an adapter's, as 64 hexadecimal
 * digits. Reads every byte once a process; a file is read again when its size or modification time differ.
 * @param location as of joinLocation
 * @param signal ends the reading; the promise then rejects
 * @throws TsmergeError as weightFiles and adapterFiles, and `io`
 */
export async function fingerprint(location: string, signal?: AbortSignal): Promise<string> {
  const { folder: directory, adapter } = splitLocation(location);
  const { files } = await weightFiles(directory);
  const digests: Record<string, string> = {};
  if (adapter !== undefined) {
    const { weights, config } = await adapterFiles(adapter);
    for (const file of [config, weights]) {
      digests[`adapter/${file}`] = await digestOf(join(adapter, file), signal);
    }
  }
  for (const file of ["config.json", ...files])
    digests[file] = await digestOf(join(directory, file), signal);
  return contentHash(digests);
}

async function digestOf(path: string, signal: AbortSignal | undefined): Promise<string> {
  try {
    const { size, mtimeNs } = await stat(path, { bigint: true });
    const key = `${path}\n${size}\n${mtimeNs}`;
    const digest = known.get(key) ?? hashFile(path, signal);
    known.set(key, digest);
    digest.catch(() => known.delete(key)); // a failure is thrown below and tried anew next time
    return await digest;
  } catch (cause) {
    throw ioError("read", path, cause);
  }
}

async function hashFile(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash("sha256");
  const bytes = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  await pipeline(bytes, hash, signal === undefined ? {} : { signal });
  return hash.digest("hex");
}
