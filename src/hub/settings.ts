// What the environment says about the hub: which one, as whom, whether at all. The variables are those of
// huggingface_hub. The token is read here and sent by connection.ts; it is in no message.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { hasErrorCode, ioError } from "../base/io-error.ts";
import { type Environment, expandHome, hubHome } from "./cache.ts";

/** Where downloads are told of, and stopped. */
export interface HubAccess {
  readonly environment: Environment;
  readonly onHubEvent?: ((event: HubEvent) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Before a failed request is made again, at first; each time after waits twice as long. 500 by default. */
  readonly firstDelayMs?: number;
}

export type HubEvent =
  /** Many times a file, and once when all is there. */
  | {
      readonly type: "download" | "upload";
      readonly repository: string;
      /** Of the files that were not there before; of all in an upload. */
      readonly bytes: number;
      readonly totalBytes: number;
      readonly files: number;
    }
  /** The hub, the network or another process makes us wait. */
  | { readonly type: "wait"; readonly reason: string; readonly seconds: number };

/** The hub's address without a slash at its end. */
export function endpointOf({ HF_ENDPOINT }: Environment): string {
  return (HF_ENDPOINT || "https://huggingface.co").replace(/\/+$/, "");
}

/** Whether the network is forbidden. */
export function isOffline({ HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE }: Environment): boolean {
  return [HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE].some((value) =>
    /^(1|on|yes|true)$/i.test(value ?? ""),
  );
}

/** The user's token: HF_TOKEN, else the file that `hf auth login` writes. */
export async function tokenOf(environment: Environment): Promise<string | undefined> {
  const named = environment.HF_TOKEN || environment.HUGGING_FACE_HUB_TOKEN;
  if (named) return named.trim();
  const path = environment.HF_TOKEN_PATH
    ? expandHome(environment.HF_TOKEN_PATH, environment)
    : join(hubHome(environment), "token");
  try {
    return (await readFile(path, "utf8")).trim() || undefined;
  } catch (cause) {
    if (hasErrorCode(cause, "ENOENT") || hasErrorCode(cause, "ENOTDIR")) return undefined;
    throw ioError("read", path, cause);
  }
}
