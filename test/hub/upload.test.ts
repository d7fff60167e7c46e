// Uploads to a hub on this machine: what arrives, where it arrives, and refusals. The server knows the basic LFS
// protocol; Xet and uploads in parts are @huggingface/hub's own, and are not tried here.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, test } from "node:test";
import { sha256 } from "../../src/base/hash.ts";
import { parseRepository } from "../../src/hub/repository.ts";
import type { HubEvent } from "../../src/hub/settings.ts";
import { uploadFolder } from "../../src/hub/upload.ts";

const root = mkdtempSync(join(tmpdir(), "tsmerge-upload-"));
after(() => rmSync(root, { recursive: true }));
const folder = join(root, "merged");
const weights = randomBytes(200_000);
mkdirSync(join(folder, ".cache"), { recursive: true });
writeFileSync(join(folder, "config.json"), "{}");
writeFileSync(join(root, "card"), "# a merge");
symlinkSync(join(root, "card"), join(folder, "README.md"));
writeFileSync(join(folder, "model.safetensors"), weights);
writeFileSync(join(folder, ".cache/left"), "behind");

interface Line {
  readonly key: string;
  readonly value: Readonly<Record<string, string>>;
}

/** What the server was given. */
const seen = {
  created: [] as object[],
  branches: [] as string[],
  large: [] as Buffer[],
  lines: [] as Line[],
};
/** Status that answers requests whose path holds the key. */
let refused: Readonly<Record<string, number>> = {};
let tokens = new Set<string | undefined>();
afterEach(() => {
  refused = {};
  tokens = new Set();
  Object.assign(seen, { created: [], branches: [], large: [], lines: [] });
});

const server = createServer(async (request, response) => {
  const path = decodeURIComponent(request.url ?? "");
  if (request.method === "POST") tokens.add(request.headers.authorization);
  const body = await bodyOf(request);
  const status = Object.entries(refused).find(([part]) => path.includes(part))?.[1];
  const answer = (value: object) => response.writeHead(200, JSON_TYPE).end(JSON.stringify(value));
  if (status !== undefined) response.writeHead(status).end();
  else if (path === "/api/repos/create") {
    seen.created.push(JSON.parse(String(body)));
    answer({ url: `${endpoint}/me/merged`, id: "1" });
  } else if (path.includes("/branch/")) {
    seen.branches.push(path.split("/branch/")[1]!);
    response.writeHead(200).end();
  } else if (path.includes("/preupload/")) {
    const { files } = JSON.parse(String(body)) as { files: { path: string; size: number }[] }; // the client's
    const modes = files.map((file) => ({
      ...file,
      uploadMode: file.size > 1000 ? "lfs" : "regular",
    }));
    answer({ files: modes });
  } else if (path.endsWith("/objects/batch")) {
    const { objects } = JSON.parse(String(body)) as { objects: { oid: string; size: number }[] }; // the client's
    const actions = { upload: { href: `${endpoint}/store` } };
    answer({ transfer: "basic", objects: objects.map((object) => ({ ...object, actions })) });
  } else if (path === "/store") {
    seen.large.push(body);
    response.writeHead(200).end();
  } else if (path.includes("/commit/")) {
    seen.lines = String(body)
      .split("\n")
      .map((line) => JSON.parse(line));
    answer({ commitOid: "c".repeat(40), commitUrl: "", success: true });
  } else response.writeHead(404).end();
});
const JSON_TYPE = { "content-type": "application/json" };
await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on a port, not a pipe
after(() => {
  server.close();
  server.closeAllConnections();
});

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const environment = { HF_ENDPOINT: endpoint, HF_TOKEN: "hf_write", HOME: root };
const send = (name = "me/merged", more: object = {}, options = {}) =>
  uploadFolder(
    folder,
    parseRepository(name)!,
    { isPrivate: true, title: "A merge", ...options },
    {
      environment: { ...environment, ...more },
    },
  );

test("a folder becomes one commit: large files apart, small ones in it, hidden ones nowhere", async () => {
  const events: HubEvent[] = [];
  const sent = await uploadFolder(
    folder,
    parseRepository("me/merged@try")!,
    { isPrivate: true, title: "A merge" },
    { environment, onHubEvent: (event) => events.push(event) },
  );
  assert.deepEqual(sent, { url: `${endpoint}/me/merged`, commit: "c".repeat(40), files: 3 });
  assert.deepEqual(seen.created, [
    { name: "merged", organization: "me", visibility: "private", type: "model" },
  ]);
  assert.deepEqual(seen.branches, ["try"]);
  assert.deepEqual(seen.large.map(sha256), [sha256(weights)]);
  const [header, ...files] = seen.lines;
  assert.equal(header!.value.summary, "A merge");
  const byPath = Object.fromEntries(files.map(({ key, value }) => [value.path, { key, ...value }]));
  assert.deepEqual(Object.keys(byPath).sort(), ["README.md", "config.json", "model.safetensors"]);
  assert.equal(Buffer.from(byPath["README.md"]!.content!, "base64").toString(), "# a merge");
  assert.equal(byPath["model.safetensors"]!.oid, sha256(weights));
  assert.deepEqual(tokens, new Set(["Bearer hf_write"]));
  assert.equal(events.at(-1)?.type, "upload");
});

test("a repository that is there already is written to", async () => {
  refused = { "/repos/create": 409 };
  await send();
  assert.equal(seen.lines.length, 4);
});

test("refusals say what to do, before anything is sent where that can be", async () => {
  await assert.rejects(send("me/merged", { HF_TOKEN: "" }), {
    code: "usage",
    message: "an upload needs a token that may write, hf_…",
    hint: /\/settings\/tokens/,
  });
  await assert.rejects(send("me/merged", { HF_HUB_OFFLINE: "1" }), { code: "usage" });
  const empty = join(root, "empty");
  mkdirSync(empty);
  const name = parseRepository("me/merged")!;
  await assert.rejects(
    uploadFolder(empty, name, { isPrivate: false, title: "" }, { environment }),
    {
      message: `${empty} holds no model: config.json is missing`,
    },
  );
  assert.deepEqual(tokens, new Set());
  refused = { "/repos/create": 403 };
  await assert.rejects(send("them/merged"), {
    code: "usage",
    message: `${endpoint} does not let you write to them/merged (403)`,
    hint: /of them or a member, in HF_TOKEN$/,
  });
  refused = { "/commit/": 500 };
  await assert.rejects(send(), {
    code: "io",
    hint: /large files that are there already are not sent again$/,
  });
});
