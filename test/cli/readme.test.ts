// The README keeps its word: every command block but the first two (install with demo, and this very
// suite) is run as it stands, with the programs that npm would link.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";

const ROOT = join(import.meta.dirname, "../..");
const README = readFileSync(join(ROOT, "README.md"), "utf8");
const blocks = [...README.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]!.trim());

function shell(script: string): { status: number | null; stdout: string; stderr: string } {
  const words = ["-euo", "pipefail", "-c", script];
  return spawnSync("bash", words, { cwd: ROOT, encoding: "utf8", timeout: 240_000 });
}

before(() => {
  const built = shell("npm run build");
  assert.equal(built.status, 0, built.stdout + built.stderr);
  rmSync(join(ROOT, "runs/readme"), { recursive: true, force: true });
});

test("the first block installs and runs the demo, the second runs the tests", () => {
  assert.deepEqual(blocks.slice(0, 2), ["npm ci && npm run demo", "npm test"]);
});

for (const block of blocks.slice(2)) {
  test(`runs: ${block.split("\n")[0]}`, () => {
    const { status, stdout, stderr } = shell(block);
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /8 genes/);
    assert.match(stdout, /95 % interval/);
    assert.match(stdout, /weights sha256 [0-9a-f]{64}/);
    assert.ok(existsSync(join(ROOT, "runs/readme/export/model/model.safetensors")));
    rmSync(join(ROOT, "runs/readme"), { recursive: true, force: true });
  });
}
