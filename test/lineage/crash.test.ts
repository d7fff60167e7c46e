// A writer that is killed at any moment loses nothing it had reported, and continues to the same end.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { draw32, streamKey } from "../../src/base/counter-rng.ts";
import { openLineage } from "../../src/lineage/lineage.ts";
import { temporaryFolder } from "./folder.ts";
import { outcome, recorded, search, violations } from "./toy.ts";

const KILLS = 12;
const SCRIPT = join(import.meta.dirname, "toy-process.ts");

/** Runs the writer and kills it once it has reported `reports` commits; resolves with what it reported. */
async function killedAfter(
  path: string,
  reports: number,
): Promise<{ transitions: string[]; killed: boolean }> {
  const child = spawn(process.execPath, ["--import", "tsx", SCRIPT, path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const transitions: string[] = [];
  const exit = new Promise<NodeJS.Signals | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (_, signal) => resolve(signal));
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    transitions.push(line);
    if (transitions.length === reports) child.kill("SIGKILL");
  });
  return { killed: (await exit) === "SIGKILL", transitions };
}

function uninterrupted(t: TestContext): unknown {
  const lineage = openLineage(join(temporaryFolder(t), "run.db"));
  search(lineage, () => {});
  const result = outcome(lineage);
  lineage.close();
  return result;
}

test(`${KILLS} times SIGKILL: what was reported is there, and the end is the same`, async (t) => {
  const path = join(temporaryFolder(t), "run.db");
  const reported: string[] = [];
  const key = streamKey("kill points");
  for (let kill = 0; kill < KILLS; kill++) {
    const { killed, transitions } = await killedAfter(path, 1 + (draw32(key, kill) % 3));
    assert.ok(killed, "the search ended before it could be killed often enough");
    reported.push(...transitions);
    const reader = openLineage(path, { readonly: true });
    assert.deepEqual(violations(reader), []);
    assert.deepEqual(
      reported.filter((transition) => !recorded(reader, transition)),
      [],
    );
    reader.close();
  }
  const last = openLineage(path);
  search(last, () => {});
  const result = outcome(last);
  last.close();
  assert.deepEqual(result, uninterrupted(t));
});

test("a log that is cut off anywhere opens at an earlier transition and continues to the same end", (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, "run.db");
  const writer = openLineage(path);
  search(writer, () => {});
  const log = readFileSync(`${path}-wal`);
  const expected = outcome(writer);
  const CUTS = 12;
  for (let cut = 0; cut <= CUTS; cut++) {
    const copy = join(folder, `copy-${cut}.db`);
    copyFileSync(path, copy);
    writeFileSync(`${copy}-wal`, log.subarray(0, Math.floor((log.length * cut) / CUTS)));
    const lineage = openLineage(copy);
    assert.deepEqual(violations(lineage), []);
    if (cut < CUTS) assert.notEqual(lineage.run()?.stage, "finished");
    search(lineage, () => {});
    assert.deepEqual(outcome(lineage), expected);
    lineage.close();
  }
  writer.close();
});
