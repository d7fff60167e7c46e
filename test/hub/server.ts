// A hub to test against: the endpoints that a download uses, with large files behind a redirect to a second
// server (the "CDN"), a log of every request, and faults on demand. In memory, on loopback, not for the world.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { sha256 } from "../../src/base/hash.ts";

export interface FakeRepository {
  readonly kind: "model" | "dataset";
  readonly name: string;
  readonly files: Readonly<Record<string, Buffer>>;
  /** The token that may read it; anybody may where there is none. */
  readonly token?: string;
  readonly branches?: readonly string[];
  /** The files of the branch that the hub makes by itself, as another commit. */
  readonly converted?: Readonly<Record<string, Buffer>>;
}

export interface Asked {
  readonly server: "hub" | "cdn";
  readonly path: string;
  readonly range: string | undefined;
  readonly token: string | undefined;
}

/** What goes wrong with one request. */
export interface Fault {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Answers 200 with this instead. */
  readonly body?: string;
  /** Breaks the connection off after so many bytes of the body. */
  readonly cutAfter?: number;
  /** Sends the whole whatever was asked for. */
  readonly ignoresRange?: boolean;
  /** Sends a body of other bytes. */
  readonly isWrong?: boolean;
  /** Holds each 64 KiB of the body back for so long. */
  readonly delayMs?: number;
}

export const COMMIT = "c".repeat(40);
const CONVERTED = "d".repeat(40);
/** Files from this size on are "large": hashed by SHA-256 and served by the CDN. */
const LARGE = 1000;

export class FakeHub {
  readonly asked: Asked[] = [];
  /** Decides about each request before it is answered; undefined lets it be. */
  fault: (asked: Asked) => Fault | undefined = () => undefined;
  readonly #repositories: readonly FakeRepository[];
  readonly #hub: Server;
  readonly #cdn: Server;

  private constructor(repositories: readonly FakeRepository[]) {
    this.#repositories = repositories;
    this.#hub = createServer((request, response) => this.#answer("hub", request, response));
    this.#cdn = createServer((request, response) => this.#answer("cdn", request, response));
  }

  static async open(...repositories: FakeRepository[]): Promise<FakeHub> {
    const hub = new FakeHub(repositories);
    for (const server of [hub.#hub, hub.#cdn]) {
      await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    }
    return hub;
  }

  get endpoint(): string {
    return addressOf(this.#hub);
  }

  /** Requests of a server whose path holds a text. */
  count(server: Asked["server"], part: string): number {
    return this.asked.filter((each) => each.server === server && each.path.includes(part)).length;
  }

  close(): void {
    for (const server of [this.#hub, this.#cdn]) {
      server.close();
      server.closeAllConnections();
    }
  }

  #answer(server: Asked["server"], request: IncomingMessage, response: ServerResponse): void {
    const path = decodeURIComponent(request.url ?? "");
    const { range, authorization } = request.headers;
    const asked: Asked = { server, path, range, token: authorization?.replace("Bearer ", "") };
    this.asked.push(asked);
    const fault = this.fault(asked);
    if (fault?.status !== undefined || fault?.body !== undefined) {
      response.writeHead(fault.status ?? 200, fault.headers).end(fault.body);
      return;
    }
    if (server === "cdn") {
      const file = this.#repositories.flatMap(({ files, converted = {} }) =>
        Object.values({ ...files, ...converted }),
      );
      const found = file.find((bytes) => sha256(bytes) === path.slice(1));
      if (found === undefined) response.writeHead(404).end();
      else void send(response, found, range, fault);
      return;
    }
    this.#answerHub(asked, response, fault);
  }

  #answerHub(asked: Asked, response: ServerResponse, fault: Fault | undefined): void {
    const { path, token } = asked;
    const author = /^\/api\/(model|dataset)s\?author=([^&]+)/.exec(path);
    if (author !== null) {
      const all = this.#repositories.filter(({ name }) => name.startsWith(`${author[2]}/`));
      json(
        response,
        all.map(({ name }) => ({ id: name })),
      );
      return;
    }
    const repository = this.#repositories.find(({ kind, name }) =>
      [`/api/${kind}s/${name}/`, kind === "model" ? `/${name}/` : `/datasets/${name}/`].some(
        (start) => path.startsWith(start),
      ),
    );
    // the real hub hides what it has from strangers
    if (repository === undefined) refuse(response, token === undefined ? 401 : 404, "RepoNotFound");
    else if (path.startsWith("/api/")) answerApi(repository, path, response);
    else if (repository.token !== undefined && repository.token !== token) {
      refuse(response, token === undefined ? 401 : 403, "GatedRepo");
    } else this.#answerFile(repository, asked, response, fault);
  }

  #answerFile(
    { files, converted }: FakeRepository,
    asked: Asked,
    response: ServerResponse,
    fault?: Fault,
  ): void {
    const [, commit, name = ""] = /\/resolve\/(\w+)\/(.+)$/.exec(asked.path) ?? [];
    const bytes = (commit === COMMIT ? files : (converted ?? {}))[name];
    if (bytes === undefined) refuse(response, 404, "EntryNotFound");
    else if (bytes.byteLength < LARGE) void send(response, bytes, asked.range, fault);
    else response.writeHead(302, { location: `${addressOf(this.#cdn)}/${sha256(bytes)}` }).end();
  }
}

function answerApi(repository: FakeRepository, path: string, response: ServerResponse): void {
  const { branches = [], files, converted } = repository;
  const revision = /\/revision\/([^?]+)/.exec(path)?.[1] ?? "";
  if (path.endsWith("/refs")) {
    json(response, { branches: ["main", ...branches].map((name) => ({ name })), tags: [] });
  } else if (["main", COMMIT, ...branches].includes(revision)) {
    json(response, { sha: COMMIT, siblings: Object.entries(files).map(siblingOf) });
  } else if (revision === "refs/convert/parquet" && converted !== undefined) {
    json(response, { sha: CONVERTED, siblings: Object.entries(converted).map(siblingOf) });
  } else refuse(response, 404, "RevisionNotFound");
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on a port, not a pipe
}

/** A file as the hub's API lists it. */
export function siblingOf([rfilename, bytes]: [string, Buffer]): object {
  const { byteLength: size } = bytes;
  const git = createHash("sha1").update(`blob ${size}\0`).update(bytes).digest("hex");
  return {
    rfilename,
    size,
    blobId: git,
    ...(size < LARGE ? {} : { lfs: { sha256: sha256(bytes), size } }),
  };
}

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { "x-error-code": code }).end();
}

const PIECE = 2 ** 16;

async function send(
  response: ServerResponse,
  whole: Buffer,
  asked: string | undefined,
  fault: Fault = {},
): Promise<void> {
  const range = fault.ignoresRange === true ? undefined : asked;
  const bytes = fault.isWrong === true ? Buffer.alloc(whole.byteLength, 7) : whole;
  const start = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
  const part = bytes.subarray(start);
  response.writeHead(range === undefined ? 200 : 206, {
    "content-length": part.byteLength,
    ...(range === undefined
      ? {}
      : { "content-range": `bytes ${start}-${bytes.byteLength - 1}/${bytes.byteLength}` }),
  });
  response.flushHeaders();
  const end = fault.cutAfter ?? part.byteLength;
  for (let at = 0; at < end && !response.destroyed; at += PIECE) {
    response.write(part.subarray(at, Math.min(at + PIECE, end)));
    await new Promise((done) => setTimeout(done, fault.delayMs ?? 0));
  }
  if (fault.cutAfter === undefined) response.end();
  else response.socket?.end(); // what was written still arrives
}
