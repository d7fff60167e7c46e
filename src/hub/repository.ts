// A repository of the hub: its name, its revision, and where each of the two stands on the hub and in the cache.

/** Hugging Face's rule for repository names, at most one slash. */
const NAME = /^[\w][\w.-]*(\/[\w][\w.-]*)?$/;
/** Branches, tags and commits; no part may be `..`, for revisions become paths. */
const REVISION = /^(?!.*\.\.)[\w][\w./-]*$/;
const COMMIT = /^[0-9a-f]{40}$/;

export const DEFAULT_REVISION = "main";

export interface Repository {
  readonly kind: "model" | "dataset";
  /** `org/name`, or `name` for the few without an organisation. */
  readonly name: string;
  /** A branch, a tag or a commit of 40 digits. */
  readonly revision: string;
}

/** `org/name[@revision]` as a repository; undefined for what cannot be one. */
export function parseRepository(
  reference: string,
  kind: Repository["kind"] = "model",
): Repository | undefined {
  const [name, revision = DEFAULT_REVISION, ...rest] = reference.split("@");
  if (name === undefined || rest.length > 0 || !NAME.test(name)) return undefined;
  return REVISION.test(revision) ? { kind, name, revision } : undefined;
}

export function isCommit(revision: string): boolean {
  return COMMIT.test(revision);
}

/** `models--org--name`, the folder in huggingface_hub's cache. */
export function cacheFolder({ kind, name }: Repository): string {
  return `${kind}s--${name.replace("/", "--")}`;
}

/** The path of the page that people open, and of the files below it. */
export function pagePath({ kind, name }: Repository): string {
  return kind === "model" ? name : `datasets/${name}`;
}

export function apiPath({ kind, name }: Repository): string {
  return `api/${kind}s/${name}`;
}

/** The command that fetches it into the cache. */
export function downloadCommand({ kind, name, revision }: Repository): string {
  const type = kind === "model" ? "" : "--dataset ";
  const at = revision === DEFAULT_REVISION ? "" : `@${revision}`;
  return `tsmerge download ${type}${name}${at}`;
}
