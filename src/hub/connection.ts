// Requests to the hub, with patience: what is passing is tried again, what is not becomes an error that says
// what to do. The token goes to the hub's own address only: fetch drops it when a redirect leaves the origin.

import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type * as Undici from "undici";
import type { EnvHttpProxyAgent, Response } from "undici";
import { TsmergeError } from "../base/errors.ts";
import { endpointOf, type HubAccess, tokenOf } from "./settings.ts";

/** A connection that says nothing for so long is cut and tried again. */
const SILENCE_MS = 60_000;
/** Times a request is made before its failure is believed. */
const ATTEMPTS = 6;
const FIRST_DELAY_MS = 500;
/** Whoever is asked to wait longer does better to come back. */
const LONGEST_WAIT_MS = 300_000;
/** Statuses that pass: timeouts, limits, overload. */
const PASSING = [408, 429, 500, 502, 503, 504];
/** Failures that do not: the name or the address is wrong, or the certificate. */
const LASTING = /^(ENOTFOUND|ECONNREFUSED|CERT_|ERR_TLS|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO)/;

/** Owns its sockets: call close(). */
export class Connection {
  readonly endpoint: string;
  readonly #access: HubAccess;
  readonly #undici: typeof Undici;
  readonly #agent: EnvHttpProxyAgent;
  readonly #token: string | undefined;

  private constructor(
    access: HubAccess,
    token: string | undefined,
    undici: typeof Undici,
    silenceMs: number,
  ) {
    const { environment } = access;
    this.endpoint = endpointOf(environment);
    this.#access = access;
    this.#token = token;
    this.#undici = undici;
    this.#agent = new undici.EnvHttpProxyAgent({
      httpProxy: environment.http_proxy || environment.HTTP_PROXY || "",
      httpsProxy: environment.https_proxy || environment.HTTPS_PROXY || "",
      noProxy: environment.no_proxy || environment.NO_PROXY || "",
      bodyTimeout: silenceMs,
      headersTimeout: silenceMs,
    });
  }

  /** @param patience `patient` for uploads: a server is silent as long as it listens */
  static async open(access: HubAccess, patience?: "patient"): Promise<Connection> {
    const silenceMs = patience === "patient" ? 0 : SILENCE_MS; // 0 is no limit
    const undici = await import("undici"); // most runs never ask the hub
    return new Connection(access, await tokenOf(access.environment), undici, silenceMs);
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  /**
   * fetch by the same way, once and without judgement. A Blob flows from its file: fetch itself would read all
   * of it ahead of the socket.
   */
  get fetch(): typeof globalThis.fetch {
    const { fetch, Headers, request, Response } = this.#undici;
    const dispatcher = this.#agent;
    const send: typeof fetch = async (url, init = {}) => {
      const { method = "GET", body, headers, signal = null } = init;
      if (!(body instanceof Blob)) return fetch(url, { ...init, dispatcher });
      const answer = await request(String(url), {
        ...{ method: method as "PUT", dispatcher, signal }, // any method of HTTP
        headers: { ...Object.fromEntries(new Headers(headers)), "content-length": `${body.size}` },
        body: Readable.from(body.stream()),
      });
      const text = await answer.body.text();
      const answered = Object.entries(answer.headers).map(([name, value]) => [name, `${value}`]);
      return new Response(text || null, {
        status: answer.statusCode,
        headers: Object.fromEntries(answered),
      });
    };
    return send as unknown as typeof globalThis.fetch; // undici's types and Node's name the same things
  }

  get hasToken(): boolean {
    return this.#token !== undefined;
  }

  /**
   * Asks until there is an answer that stays, whatever it is.
   * @param path below the endpoint
   * @returns a response of any status; its body may still be cut
   * @throws TsmergeError `io` for a network that stays down, `interrupted` after the signal
   */
  async ask(path: string, range?: string): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(`${this.endpoint}/${path}`, range);
      const isLast = attempt === ATTEMPTS;
      if ("response" in outcome) {
        const { response } = outcome;
        if (!PASSING.includes(response.status) || isLast) return response;
        const delayMs = askedDelay(response.headers) ?? this.backoff(attempt);
        if (delayMs > LONGEST_WAIT_MS) return response;
        await response.body?.cancel();
        await this.wait(delayMs, `${this.endpoint} answers ${response.status}`);
      } else {
        if (isLast || LASTING.test(outcome.code)) throw this.#unreachable(outcome.failure);
        await this.wait(this.backoff(attempt), reasonOf(outcome.failure));
      }
    }
  }

  /** How long to wait after so many failures in a row. */
  backoff(failures: number): number {
    return (this.#access.firstDelayMs ?? FIRST_DELAY_MS) * 2 ** (failures - 1);
  }

  /** Sleeps, and says why if there is a reason. Throws TsmergeError `interrupted` when it is told to stop. */
  async wait(delayMs: number, reason: string | undefined): Promise<void> {
    const { onHubEvent, signal } = this.#access;
    const seconds = Math.ceil(delayMs / 1000);
    if (reason !== undefined) onHubEvent?.({ type: "wait", reason, seconds });
    try {
      await sleep(delayMs, undefined, signal === undefined ? {} : { signal });
    } catch {
      throw stopped(); // the one thing that ends a sleep
    }
  }

  async #attempt(
    url: string,
    range: string | undefined,
  ): Promise<{ response: Response } | { failure: unknown; code: string }> {
    const { signal } = this.#access;
    try {
      const response = await this.#undici.fetch(url, {
        dispatcher: this.#agent,
        signal: signal ?? null,
        headers: {
          "user-agent": "tsmerge",
          ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
          ...(range === undefined ? {} : { range }),
        },
      });
      return { response };
    } catch (failure) {
      if (signal?.aborted) throw stopped();
      return { failure, code: codeOf(failure) };
    }
  }

  #unreachable(cause: unknown): TsmergeError {
    return new TsmergeError("io", `cannot reach ${this.endpoint}: ${reasonOf(cause)}`, {
      hint: "check the network and HTTPS_PROXY; HF_ENDPOINT names another hub, HF_HUB_OFFLINE=1 forbids asking",
      cause,
    });
  }
}

/** What is thrown after the signal. */
export function stopped(what: "download" | "upload" = "download"): TsmergeError {
  return new TsmergeError("interrupted", `the ${what} was stopped`, {
    hint: "run the same command again: it goes on where it was",
  });
}

/** fetch says "fetch failed" or "terminated"; the cause says what. */
export function reasonOf(failure: unknown): string {
  if (!(failure instanceof Error)) return String(failure);
  return failure.cause instanceof Error
    ? failure.cause.message || codeOf(failure)
    : failure.message;
}

function codeOf(failure: unknown): string {
  const cause = failure instanceof Error ? failure.cause : undefined;
  return cause instanceof Error && "code" in cause ? String(cause.code) : "";
}

/** How long the hub asks to wait: Retry-After, in seconds or as a date, or the `t` of RateLimit. */
function askedDelay(headers: Response["headers"]): number | undefined {
  const after = headers.get("retry-after");
  if (after !== null) {
    const delayMs = /^[\d.]+$/.test(after) ? Number(after) * 1000 : Date.parse(after) - Date.now();
    if (!Number.isNaN(delayMs)) return Math.max(0, delayMs);
  }
  const reset = /;\s*t=(\d+)/.exec(headers.get("ratelimit") ?? "")?.[1];
  return reset === undefined ? undefined : Number(reset) * 1000;
}
