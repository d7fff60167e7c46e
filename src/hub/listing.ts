// What a revision is and which files it has: one request to the hub's API, and a second for a suggestion where
// the first finds nothing.

import { z } from "zod";
import { TsmergeError } from "../base/errors.ts";
import { didYouMean } from "../base/suggest.ts";
import type { ListedFile, Tree } from "./cache.ts";
import type { Connection } from "./connection.ts";
import { refusal, refusalCode } from "./refusal.ts";
import { apiPath, isCommit, type Repository } from "./repository.ts";

export interface Listing {
  readonly commit: string;
  readonly tree: Tree;
}

const infoSchema = z.object({
  sha: z.string().refine(isCommit),
  siblings: z.array(
    z.object({
      rfilename: z.string(),
      size: z.number().int().min(0),
      blobId: z.string().regex(/^[0-9a-f]{40}$/),
      lfs: z
        .object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), size: z.number().int().min(0) })
        .nullish(),
    }),
  ),
});

/**
 * The files of a revision.
 * @throws TsmergeError `usage` for a repository or revision that is not there or not ours to read, `data` for
 * an answer that is not the hub's
 */
export async function listRepository(
  connection: Connection,
  repository: Repository,
): Promise<Listing> {
  const revision = encodeURIComponent(repository.revision);
  const path = `${apiPath(repository)}/revision/${revision}?blobs=true`;
  const response = await connection.ask(path);
  if (!response.ok) {
    throw refusal(
      response,
      repository,
      connection,
      await slipOf(connection, repository, refusalCode(response)),
    );
  }
  const parsed = infoSchema.safeParse(await response.json().catch(() => undefined));
  if (!parsed.success) {
    throw new TsmergeError("data", `${connection.endpoint}/${path} is not an answer of a hub`, {
      hint: "check HF_ENDPOINT and HTTPS_PROXY",
      cause: parsed.error,
    });
  }
  const files = parsed.data.siblings.map(
    ({ rfilename, size, blobId, lfs }): [string, ListedFile] => {
      refuseEscape(rfilename, repository);
      return [rfilename, { size: lfs?.size ?? size, blobId, sha256: lfs?.sha256 }];
    },
  );
  return { commit: parsed.data.sha, tree: new Map(files) };
}

/** A path from outside becomes one on this disk: it must stay below its folder. */
function refuseEscape(path: string, { name }: Repository): void {
  const isPlain = path.split("/").every((part) => !["", ".", ".."].includes(part));
  if (isPlain && !/[\\:\0]/.test(path)) return;
  throw new TsmergeError("data", `${name} lists a file "${path}", which no folder can hold`, {
    hint: "tell the owner of the repository; do not use it",
  });
}

/** A suggestion is a courtesy: where it cannot be had, there is none. */
async function slipOf(
  connection: Connection,
  repository: Repository,
  code: string,
): Promise<string> {
  const { kind, name, revision } = repository;
  try {
    if (code === "RevisionNotFound") {
      const refs = z.object({ branches: refList, tags: refList });
      const answer = await connection.ask(`${apiPath(repository)}/refs`);
      const { branches, tags } = refs.parse(await answer.json());
      return didYouMean(
        revision,
        [...branches, ...tags].map((ref) => ref.name),
      );
    }
    const [owner, base] = name.split("/");
    if (code !== "RepoNotFound" || owner === undefined || base === undefined) return "";
    const answer = await connection.ask(
      `api/${kind}s?author=${encodeURIComponent(owner)}&limit=1000`,
    );
    const all = z.array(z.object({ id: z.string() })).parse(await answer.json());
    return didYouMean(
      name,
      all.map(({ id }) => id),
    );
  } catch (error) {
    if (error instanceof TsmergeError && error.code === "interrupted") throw error;
    return "";
  }
}

const refList = z.array(z.object({ name: z.string() })).default([]);
