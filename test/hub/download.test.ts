// Downloads from a hub on this machine: what lands in the cache, what is sent, and every way to be cut.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { after, afterEach, test } from "node:test";
import { ensureModel, openModel } from "../../src/hub/fetch.ts";
import { resolveModel } from "../../src/hub/reference.ts";
import { parseRepository } from "../../src/hub/repository.ts";
import type { HubEvent } from "../../src/hub/settings.ts";
import { blobPath, missingBytes } from "../../src/hub/transfer.ts";
import { access } from "./access.ts";
import { type Asked, COMMIT, FakeHub, siblingOf } from "./server.ts";

const weights = randomBytes(300_000);
const shards = [randomBytes(5000), randomBytes(6000)];
const files = {
  "config.json": Buffer.from("{}"),
  "tokenizer.json": randomBytes(500),
  "generation_config.json": Buffer.from("{}"), // the same bytes as config.json: one blob
  "merges.txt": Buffer.from("a b"),
  "README.md": Buffer.from("# model"),
  "model.safetensors": weights,
  "consolidated.safetensors": randomBytes(1200),
  "pytorch_model.bin": randomBytes(1200),
  "onnx/model.onnx": randomBytes(1200),
};
const hub = await FakeHub.open(
  { kind: "model", name: "org/name", files },
  { kind: "model", name: "org/gated", files, token: "hf_good" },
  {
    ...{ kind: "model", name: "org/pickled" },
    files: {
      "config.json": Buffer.from("{ }"),
      "pytorch_model.bin": shards[0]!,
      "optimizer.bin": shards[1]!,
    },
  },
);
after(() => hub.close());
afterEach(() => {
  hub.fault = () => undefined;
  hub.asked.length = 0;
});

/** Only large files are behind the CDN, and of org/name that is one. */
const isWeights = ({ server }: Asked) => server === "cdn";

test("a model lands in huggingface_hub's layout: its files once, checked, as links to blobs", async () => {
  const options = access(hub);
  const folder = await resolveModel("org/name", options);
  const storage = join(options.cache, "models--org--name");
  assert.equal(folder, join(storage, "snapshots", COMMIT));
  const expected = [
    "config.json",
    "generation_config.json",
    "merges.txt",
    "model.safetensors",
    "tokenizer.json",
  ];
  assert.deepEqual(readdirSync(folder).sort(), expected);
  assert.deepEqual(readFileSync(join(folder, "model.safetensors")), weights);
  assert.match(
    readlinkSync(join(folder, "model.safetensors")),
    /^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/,
  );
  assert.match(readlinkSync(join(folder, "config.json")), /^\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/);
  assert.equal(readFileSync(join(storage, "refs/main"), "utf8"), COMMIT);
  assert.equal(readdirSync(join(storage, "blobs")).length, expected.length - 1);
  const last = options.events.at(-1);
  assert.deepEqual(last, {
    ...{ type: "download", repository: "org/name", files: 4 },
    ...{ bytes: 300_505, totalBytes: 300_505 },
  });
});

test("what is cached is not asked for again, under any name of its commit", async () => {
  const options = access(hub);
  await resolveModel("org/name", options);
  hub.asked.length = 0;
  await resolveModel("org/name", options);
  await resolveModel(`org/name@${COMMIT}`, options);
  assert.deepEqual(hub.asked, []);
  const offline = { ...options, environment: { ...options.environment, HF_HUB_OFFLINE: "1" } };
  await resolveModel("org/name", offline);
  await assert.rejects(resolveModel("org/name@v1.0", offline), {
    code: "usage",
    message: /the model org\/name at v1.0 is not in .*, and HF_HUB_OFFLINE is set$/,
    hint: `unset it, or run \`tsmerge download org/name@v1.0\` where there is a network, or write org/name@${COMMIT}, which is cached`,
  });
  assert.deepEqual(hub.asked, []);
});

test("a branch is followed on purpose only, and its files that did not change come from the cache", async () => {
  const options = access(hub);
  const before = await resolveModel("org/name", options);
  const moved = JSON.stringify({
    sha: "e".repeat(40),
    siblings: Object.entries(files).map(siblingOf),
  });
  hub.fault = ({ path }) => (path.includes("/revision/") ? { body: moved } : undefined);
  hub.asked.length = 0;
  options.events.length = 0;
  assert.equal(await resolveModel("org/name", options), before);
  const main = parseRepository("org/name")!;
  const now = await ensureModel(await openModel(main, options, "asked"));
  assert.equal(now, before.replace(COMMIT, "e".repeat(40)));
  assert.deepEqual(readFileSync(join(now, "model.safetensors")), weights);
  assert.equal(hub.asked.length, 1);
  assert.deepEqual(options.events, []);
  assert.equal(await resolveModel("org/name", options), now);
});

test("where there are no safetensors, pickled weights come, and nothing of the training", async () => {
  const folder = await resolveModel("org/pickled", access(hub));
  assert.deepEqual(readdirSync(folder).sort(), ["config.json", "pytorch_model.bin"]);
});

test("the token goes to the hub and to nobody else", async () => {
  const options = access(hub, { HF_TOKEN: "hf_good" });
  await resolveModel("org/gated", options);
  for (const { server, token } of hub.asked) {
    assert.equal(token, server === "hub" ? "hf_good" : undefined);
  }
  assert.ok(hub.asked.some(isWeights));
});

test("the token may stand in the file that logging in writes", async () => {
  const options = access(hub);
  writeFileSync(join(options.cache, "token"), "hf_good\n");
  const environment = { ...options.environment, HF_HOME: options.cache };
  await resolveModel("org/gated", { ...options, environment });
});

test("a connection that breaks off is gone on with, byte for byte", async () => {
  const options = access(hub);
  let cuts = 0;
  hub.fault = (asked) => (isWeights(asked) && cuts++ < 3 ? { cutAfter: 70_000 } : undefined);
  const folder = await resolveModel("org/name", options);
  assert.deepEqual(readFileSync(join(folder, "model.safetensors")), weights);
  const starts = hub.asked
    .filter(isWeights)
    .map(({ range }) => Number(/\d+/.exec(range ?? "0")![0]));
  assert.equal(starts.length, 4);
  for (const [at, start] of starts.entries()) {
    // what had arrived when the line broke may be lost with it, so less than 70,000 can be kept
    const last = starts[at - 1] ?? -1;
    assert.ok(start > last && start <= last + 70_001, `${starts}`);
  }
});

test("a download that was killed goes on where it was", async () => {
  const options = access(hub);
  hub.fault = (asked) => (isWeights(asked) ? { delayMs: 100 } : undefined);
  const child = spawnChild("org/name", options.environment);
  for await (const text of child.stdout) {
    const bytes = [...String(text).matchAll(/"bytes":(\d+)/g)].map((found) => Number(found[1]));
    if (Math.max(...bytes) > 140_000) break; // two pieces of the weights, and the small files
  }
  child.kill("SIGKILL");
  await new Promise((done) => child.once("exit", done));
  const blobs = join(options.cache, "models--org--name/blobs");
  const partial = readdirSync(blobs).find((name) => name.endsWith(".incomplete"))!;
  const { size } = statSync(join(blobs, partial));
  assert.ok(size >= 131_072 && size < weights.byteLength, `${size} bytes`);
  hub.fault = () => undefined;
  hub.asked.length = 0;
  const folder = await resolveModel("org/name", options);
  assert.deepEqual(readFileSync(join(folder, "model.safetensors")), weights);
  assert.deepEqual(
    hub.asked.filter(isWeights).map(({ range }) => range),
    [`bytes=${size}-`],
  );
  assert.equal(hub.count("hub", "/revision/"), 0, "the commit is remembered");
});

test("what an earlier download brought needs no room again", async () => {
  const directory = join(access(hub).cache, "models--org--name");
  const file = { size: 1000, blobId: "0".repeat(40), sha256: "1".repeat(64) };
  assert.equal(await missingBytes(directory, file), 1000);
  mkdirSync(join(directory, "blobs"), { recursive: true });
  const partial = `${blobPath(directory, file)}.incomplete`;
  writeFileSync(partial, randomBytes(300));
  assert.equal(await missingBytes(directory, file), 700);
  writeFileSync(partial, randomBytes(1300)); // another program's: it is begun anew
  assert.equal(await missingBytes(directory, file), 0);
});

test("a server that does not know ranges sends the whole, which counts from its beginning", async () => {
  const options = access(hub);
  let round = 0;
  const faults = [{ cutAfter: 1000 }, { ignoresRange: true }];
  hub.fault = (asked) => (isWeights(asked) ? faults[round++] : undefined);
  const folder = await resolveModel("org/name", options);
  assert.deepEqual(readFileSync(join(folder, "model.safetensors")), weights);
  hub.fault = (asked) => (isWeights(asked) ? { cutAfter: 0 } : undefined);
  await assert.rejects(resolveModel("org/name", access(hub)), {
    code: "io",
    message: "the download of model.safetensors keeps breaking off: other side closed",
    hint: "run the command again later: it goes on where it was",
  });
});

test("bytes of another hash are thrown away and asked for again, once", async () => {
  const options = access(hub);
  let round = 0;
  hub.fault = (asked) => (isWeights(asked) && round++ === 0 ? { isWrong: true } : undefined);
  const folder = await resolveModel("org/name", options);
  assert.deepEqual(readFileSync(join(folder, "model.safetensors")), weights);
  hub.fault = (asked) => (isWeights(asked) ? { isWrong: true } : undefined);
  const twice = access(hub);
  await assert.rejects(resolveModel("org/name", twice), {
    code: "data",
    message:
      /^model\.safetensors of org\/name came with hash [0-9a-f]{64} instead of [0-9a-f]{64}$/,
  });
  const left = readdirSync(join(twice.cache, "models--org--name/blobs"));
  assert.ok(!left.some((name) => name.endsWith(".incomplete")), left.join());
});

test("two processes that want one model fetch it once", async () => {
  const options = access(hub);
  hub.fault = (asked) => (isWeights(asked) ? { delayMs: 100 } : undefined);
  const outcomes = await Promise.all(
    [0, 1].map(async () => {
      let printed = "";
      const child = spawnChild("org/name", options.environment);
      for await (const text of child.stdout) printed += text;
      return printed.trim().split("\n").at(-1);
    }),
  );
  const folder = join(options.cache, "models--org--name/snapshots", COMMIT);
  assert.deepEqual(outcomes, [folder, folder]);
  assert.equal(hub.asked.filter(isWeights).length, 1);
  assert.deepEqual(readdirSync(join(options.cache, ".locks/models--org--name")), []);
});

test("a lock whose holder died is taken over", async () => {
  const options = access(hub);
  const locks = join(options.cache, ".locks/models--org--name");
  mkdirSync(locks, { recursive: true });
  const dead = spawnSync(process.execPath, ["--version"]).pid;
  writeFileSync(join(locks, "tsmerge.lock"), JSON.stringify({ pid: dead, host: hostname() }));
  await resolveModel("org/name", options);
});

test("a stopped download says how to go on", async () => {
  const options = access(hub);
  const stop = new AbortController();
  hub.fault = (asked) => (isWeights(asked) ? { delayMs: 50 } : undefined);
  const onHubEvent = ({ type }: HubEvent) => void (type === "download" && stop.abort());
  await assert.rejects(resolveModel("org/name", { ...options, onHubEvent, signal: stop.signal }), {
    code: "interrupted",
  });
});

function spawnChild(reference: string, environment: Readonly<Record<string, string>>) {
  const program = join(import.meta.dirname, "resolve-child.ts");
  return spawn(process.execPath, ["--import", "tsx", program, reference], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
}
