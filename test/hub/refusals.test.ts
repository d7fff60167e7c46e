// What a hub or a disk refuses, and what is then said: which page to open, which variable to set, when to come back.

import assert from "node:assert/strict";
import { after, afterEach, test } from "node:test";
import { resolveModel } from "../../src/hub/reference.ts";
import { access } from "./access.ts";
import { COMMIT, FakeHub } from "./server.ts";

const files = { "config.json": Buffer.from("{}"), "model.safetensors": Buffer.alloc(2000, 1) };
const hub = await FakeHub.open(
  { kind: "model", name: "org/name", files, branches: ["v1.0"] },
  { kind: "model", name: "org/other", files },
  { kind: "model", name: "org/gated", files, token: "hf_good" },
);
after(() => hub.close());
afterEach(() => {
  hub.fault = () => undefined;
});

const HUGE = JSON.stringify({
  sha: COMMIT,
  siblings: [
    {
      ...{ rfilename: "model.safetensors", size: 1e15, blobId: "b".repeat(40) },
      lfs: { sha256: "a".repeat(64), size: 1e15 },
    },
  ],
});

test("the hub's request to wait is kept to", async () => {
  const options = access(hub);
  let round = 0;
  hub.fault = ({ path }) =>
    path.includes("/revision/") && round++ === 0
      ? { status: 429, headers: { "retry-after": "1" } }
      : undefined;
  const start = Date.now();
  await resolveModel("org/name", options);
  assert.ok(Date.now() - start >= 1000);
  assert.deepEqual(options.events[0], {
    ...{ type: "wait", reason: `${hub.endpoint} answers 429`, seconds: 1 },
  });
  hub.fault = () => ({ status: 429, headers: { ratelimit: '"api";r=0;t=3600' } });
  await assert.rejects(resolveModel("org/other", options), {
    message: /asks for a pause: too many requests \(429\)$/,
    hint: /run it again later, or make a token at .*HF_TOKEN.*accounts may ask more$/,
  });
});

for (const [title, reference, token, message, hint] of [
  [
    "a gated model",
    "org/gated",
    undefined,
    /the model org\/gated is gated \(401\)$/,
    /^open http.*\/org\/gated, accept its conditions, then make a token at .*HF_TOKEN/,
  ],
  [
    "a gated model for another account",
    "org/gated",
    "hf_bad",
    /is gated \(403\)$/,
    /then give a token of an account/,
  ],
  [
    "a mistyped name",
    "org/nmae",
    "hf_good",
    /shows no model org\/nmae \(404\); did you mean "org\/name"\?$/,
    /^check the name/,
  ],
  [
    "a mistyped name of a stranger",
    "org/nmae",
    undefined,
    /\(401\); did you mean "org\/name"\?$/,
    /if it is private, make a token/,
  ],
  [
    "a mistyped revision",
    "org/name@v1.1",
    undefined,
    /has no revision "v1\.1" \(404\); did you mean "v1\.0"\?$/,
    /branches and tags$/,
  ],
] as const) {
  test(`${title} is told what to do`, async () => {
    const options = access(hub, token === undefined ? {} : { HF_TOKEN: token });
    await assert.rejects(resolveModel(reference, options), { code: "usage", message, hint });
  });
}

test("a token that the hub does not know is said to be unknown", async () => {
  const headers = { "x-error-message": "Invalid credentials in Authorization header" };
  hub.fault = () => ({ status: 401, headers });
  await assert.rejects(resolveModel("org/name", access(hub, { HF_TOKEN: "hf_old" })), {
    code: "usage",
    message: /does not know your token \(401\)$/,
    hint: /^make a new one at http.*\/settings\/tokens and give it in HF_TOKEN$/,
  });
});

test("a hub that cannot be reached is named, with the folders that were tried", async () => {
  const gone = await FakeHub.open();
  const options = access(hub, { HF_ENDPOINT: gone.endpoint });
  gone.close();
  await assert.rejects(resolveModel("org/name", options), {
    code: "io",
    message:
      /^model "org\/name" is not at .*, and cannot reach http:\/\/127\.0\.0\.1:\d+: connect ECONNREFUSED/,
    hint: /HTTPS_PROXY/,
  });
});

test("a page that is no hub's is said to be none", async () => {
  const options = access(hub);
  hub.fault = ({ path }) => (path.includes("/revision/") ? { status: 200 } : undefined);
  await assert.rejects(resolveModel("org/name", options), {
    message: /is not an answer of a hub$/,
  });
});

test("a model larger than the disk is refused before a byte comes", async () => {
  const options = access(hub);
  hub.fault = ({ path }) => (path.includes("/revision/") ? { body: HUGE } : undefined);
  await assert.rejects(resolveModel("org/name", options), {
    code: "io",
    message: /^org\/name needs 1000000\.0 GB, and [\d.]+ GB are free at /,
    hint: /HF_HUB_CACHE/,
  });
});

test("a file that would leave its folder is refused", async () => {
  const options = access(hub);
  const body = HUGE.replace("model.safetensors", "../../model.safetensors");
  hub.fault = ({ path }) => (path.includes("/revision/") ? { body } : undefined);
  await assert.rejects(resolveModel("org/name", options), {
    code: "data",
    message: /no folder can hold$/,
  });
});
