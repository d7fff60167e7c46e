// The README keeps its word: every command block but the first two (install with demo, and this very
// suite) is run as it stands, with the programs that npm would link.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

const ROOT = join(import.meta.dirname, "../..");
const README = readFileSync(join(ROOT, "README.md"), "utf8");
const blocks = [...README.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]!.trim());

function shell(script: string): { status: number | null; stdout: string; stderr: string } {
  const words = ["-euo", "pipefail", "-c", script];
  // answers that another version gave must not be taken for this one's
  const env = { ...process.env, TSMERGE_STORE: join(ROOT, "runs/readme/answers.db") };
  return spawnSync("bash", words, { cwd: ROOT, encoding: "utf8", timeout: 240_000, env });
}

before(() => {
  const built = shell("npm run build");
  assert.equal(built.status, 0, built.stdout + built.stderr);
  removeRuns();
});

after(removeRuns);

function removeRuns(): void {
  for (const name of ["readme", "readme-ties"]) {
    rmSync(join(ROOT, "runs", name), { recursive: true, force: true });
  }
}

test("the first block installs and runs the demo, the second runs the tests", () => {
  assert.deepEqual(blocks.slice(0, 2), ["npm ci && npm run demo", "npm test"]);
});

/** What the blocks after the first two must show. */
const SHOWN: readonly (readonly RegExp[])[] = [
  [/8 genes/, /95 % interval/, /weights sha256 [0-9a-f]{64}/, /test questions/],
  [/weights sha256 [0-9a-f]{64}/, /layer/],
];

test("every further block is known here", () => {
  assert.equal(blocks.length, 2 + SHOWN.length);
});

for (const [index, block] of blocks.slice(2).entries()) {
  test(`runs: ${block.split("\n")[0]}`, () => {
    const { status, stdout, stderr } = shell(block);
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    for (const expected of SHOWN[index]!) assert.match(stdout, expected);
  });
}
