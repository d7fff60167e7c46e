// What the hub's refusals mean, and what to do about each: its statuses with the X-Error-Code it sends.

import type { Response } from "undici";
import { TsmergeError } from "../base/errors.ts";
import { pagePath, type Repository } from "./repository.ts";

export interface Caller {
  readonly endpoint: string;
  readonly hasToken: boolean;
}

/** The hub's word for what is wrong, such as `GatedRepo`; empty where it says none. */
export function refusalCode({ headers }: Response): string {
  return headers.get("x-error-code") ?? "";
}

/**
 * The error to throw for a status that will not pass.
 * @param slip `; did you mean …?`, or nothing
 */
export function refusal(
  response: Response,
  repository: Repository,
  caller: Caller,
  slip = "",
): TsmergeError {
  const { status } = response;
  const code = refusalCode(response);
  const { kind, name, revision } = repository;
  const page = `${caller.endpoint}/${pagePath(repository)}`;
  const logIn = caller.hasToken
    ? "give a token of an account that may read it in HF_TOKEN"
    : `make a token at ${caller.endpoint}/settings/tokens and give it in HF_TOKEN, or run \`hf auth login\``;
  const fail = (message: string, hint: string) =>
    new TsmergeError("usage", `${message} (${status})${slip}`, { hint });
  if (/^invalid credentials/i.test(response.headers.get("x-error-message") ?? "")) {
    return fail(
      `${caller.endpoint} does not know your token`,
      `make a new one at ${caller.endpoint}/settings/tokens and give it in HF_TOKEN`,
    );
  }
  if (code === "GatedRepo") {
    return fail(
      `the ${kind} ${name} is gated`,
      `open ${page}, accept its conditions, then ${logIn}`,
    );
  }
  if (code === "RevisionNotFound") {
    return fail(
      `the ${kind} ${name} has no revision "${revision}"`,
      `see ${page}/tree/main for its branches and tags`,
    );
  }
  if (code === "EntryNotFound") {
    return fail(`the ${kind} ${name} has lost a file that it lists`, "run the command again");
  }
  if (status === 404 || code === "RepoNotFound") {
    return fail(
      `${caller.endpoint} shows no ${kind} ${name}`,
      caller.hasToken
        ? `check the name at ${page}; a private one needs a token of an account that may read it`
        : `check the name at ${page}; if it is private, ${logIn}`,
    );
  }
  if (status === 401 || status === 403) {
    return fail(
      `${caller.endpoint} does not let you read the ${kind} ${name}`,
      `open ${page}, then ${logIn}`,
    );
  }
  if (status === 429) {
    return fail(
      `${caller.endpoint} asks for a pause: too many requests`,
      caller.hasToken
        ? "run the command again later: it goes on where it was"
        : `run it again later, or ${logIn}: accounts may ask more`,
    );
  }
  return new TsmergeError("io", `${caller.endpoint} answers ${status} for the ${kind} ${name}`, {
    hint: "run the command again later: it goes on where it was",
  });
}
