// A model's folder to the hub, as one commit. The protocol (large files apart, by LFS or Xet) is
// @huggingface/hub's business; here are the folder, the repository, and what refusals mean.

import { openAsBlob } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { TsmergeError } from "../base/errors.ts";
import { ioError } from "../base/io-error.ts";
import { Connection, reasonOf, stopped } from "./connection.ts";
import { DEFAULT_REVISION, pagePath, type Repository } from "./repository.ts";
import { endpointOf, type HubAccess, isOffline, tokenOf } from "./settings.ts";

export interface UploadOptions {
  /** For a repository that is made for this, which is as its owner's others are otherwise. */
  readonly isPrivate: boolean;
  /** The commit's message. */
  readonly title: string;
}

export interface Uploaded {
  /** The page of the repository. */
  readonly url: string;
  readonly commit: string;
  readonly files: number;
}

/**
 * Makes the repository and its branch where they are not there, and commits every file of the folder but hidden
 * ones. Large files that the hub has already are not sent again.
 * @throws TsmergeError `usage` for a folder without a model, without a token, offline, and for refusals; `io` for
 * a network that fails; `interrupted`
 */
export async function uploadFolder(
  folder: string,
  repository: Repository,
  { isPrivate, title }: UploadOptions,
  access: HubAccess,
): Promise<Uploaded> {
  const { environment, signal } = access;
  const { name, revision } = repository;
  const files = await filesToSend(folder);
  if (isOffline(environment)) {
    throw new TsmergeError("usage", "nothing is uploaded while HF_HUB_OFFLINE is set", {
      hint: "unset it",
    });
  }
  const accessToken = await tokenOf(environment);
  const hubUrl = endpointOf(environment);
  if (!accessToken?.startsWith("hf_")) {
    throw new TsmergeError("usage", "an upload needs a token that may write, hf_…", {
      hint: `make one at ${hubUrl}/settings/tokens and give it in HF_TOKEN`,
    });
  }
  const hub = await import("@huggingface/hub"); // no other command needs it
  const connection = await Connection.open(access, "patient");
  const repo = { type: repository.kind, name } as const;
  const common = { repo, hubUrl, accessToken, fetch: connection.fetch };
  try {
    await hub
      .createRepo({ ...common, ...(isPrivate && { visibility: "private" }) })
      .catch((error: unknown) => {
        if (!(error instanceof hub.HubApiError) || error.statusCode !== 409) throw error; // 409: it is there
      });
    if (revision !== DEFAULT_REVISION) {
      await hub.createBranch({ ...common, branch: revision, overwrite: true }); // leaves one that is there alone
    }
    const operations = await Promise.all(
      files.map(async ({ path }) => ({
        operation: "addOrUpdate" as const,
        ...{ path, content: await openAsBlob(join(folder, path)) },
      })),
    );
    const events = hub.commitIter({
      ...{ ...common, operations, title, branch: revision },
      ...(signal === undefined ? {} : { abortSignal: signal }),
    });
    const report = reporter(files, name, access);
    for (;;) {
      const { done, value } = await events.next();
      if (done === true) {
        const commit = value?.commit.oid ?? "";
        return { url: `${hubUrl}/${pagePath(repository)}`, commit, files: files.length };
      }
      if (value.event === "fileProgress" && value.state === "uploading") {
        report(value.path, value.progress);
      }
    }
  } catch (error) {
    if (signal?.aborted) throw stopped("upload");
    if (error instanceof TsmergeError) throw error;
    throw refusedUpload(error, error instanceof hub.HubApiError ? error.statusCode : undefined, {
      name,
      hubUrl,
    });
  } finally {
    await connection.close();
  }
}

interface FileToSend {
  /** With slashes, below the folder. */
  readonly path: string;
  readonly size: number;
}

async function filesToSend(folder: string): Promise<FileToSend[]> {
  const names = await readdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw ioError("read", folder, cause);
  });
  const files: FileToSend[] = [];
  for (const name of names.sort()) {
    const path = name.split(sep).join("/");
    if (path.split("/").some((part) => part.startsWith("."))) continue;
    // follows the links of a cache
    const found = await stat(join(folder, name)).catch((cause: unknown) => {
      throw ioError("read", join(folder, name), cause);
    });
    if (found.isFile()) files.push({ path, size: found.size });
  }
  if (files.some(({ path }) => /^(?:adapter_)?config\.json$/.test(path))) return files;
  throw new TsmergeError("usage", `${folder} holds no model: config.json is missing`, {
    hint: "give the folder that tsmerge merge wrote",
  });
}

/** Turns the share of each file that is sent into bytes of all. */
function reporter(
  files: readonly FileToSend[],
  repository: string,
  { onHubEvent }: HubAccess,
): (path: string, share: number) => void {
  const sizes = new Map(files.map(({ path, size }) => [path, size]));
  const sent = new Map<string, number>();
  const totalBytes = files.reduce((sum, { size }) => sum + size, 0);
  return (path, share) => {
    sent.set(path, share * (sizes.get(path) ?? 0));
    const bytes = Math.round([...sent.values()].reduce((sum, each) => sum + each, 0));
    onHubEvent?.({ type: "upload", repository, bytes, totalBytes, files: files.length });
  };
}

function refusedUpload(
  cause: unknown,
  status: number | undefined,
  { name, hubUrl }: { readonly name: string; readonly hubUrl: string },
): TsmergeError {
  if (status === 401 || status === 403) {
    return new TsmergeError("usage", `${hubUrl} does not let you write to ${name} (${status})`, {
      hint: `give a token with the right to write, of ${name.split("/")[0]} or a member, in HF_TOKEN`,
      cause,
    });
  }
  return new TsmergeError("io", `the upload to ${name} failed: ${reasonOf(cause)}`, {
    hint: "run the command again: large files that are there already are not sent again",
    cause,
  });
}
