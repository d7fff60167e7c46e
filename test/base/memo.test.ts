// What is made once, what is made again, and what is not kept.

import assert from "node:assert/strict";
import { test } from "node:test";
import { memo } from "../../src/base/memo.ts";

/** Makes keys into themselves, and counts. */
function counted(limit?: number) {
  const made: string[] = [];
  const facts = memo<string>(limit);
  const ask = (key: string) =>
    facts(key, async () => {
      made.push(key);
      return key;
    });
  return { made, ask };
}

test("a value is made once, also for those who ask while it is made", async () => {
  const { made, ask } = counted();
  assert.deepEqual(await Promise.all([ask("a"), ask("a"), ask("b")]), ["a", "a", "b"]);
  assert.equal(await ask("a"), "a");
  assert.deepEqual(made, ["a", "b"]);
});

test("within a limit those asked for last are kept", async () => {
  const { made, ask } = counted(2);
  for (const key of ["a", "b", "a", "c", "a", "b"]) await ask(key);
  assert.deepEqual(made, ["a", "b", "c", "b"]);
});

test("a failure is thrown and made anew", async () => {
  const facts = memo<number>(1);
  const fail = async (): Promise<number> => {
    throw new Error("no");
  };
  const both = await Promise.allSettled([facts("a", fail), facts("a", fail)]);
  assert.deepEqual(
    both.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  assert.equal(await facts("a", async () => 1), 1);
  assert.equal(await facts("a", fail), 1);
});
