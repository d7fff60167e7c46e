// Sizes as people write them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseShardSize } from "../../src/checkpoint/shard-size.ts";

test("K, M and B count as mergekit counts them, the rest as written", () => {
  const sizes = {
    "5B": 5e9,
    "5b": 5e9,
    "200K": 200_000,
    "3M": 3e6,
    "500MB": 500e6,
    "1.1GB": 1.1e9,
    "0.5kb": 500,
    "2GiB": 2 ** 31,
    "1.5 MiB": 1.5 * 2 ** 20,
    "1TB": 1e12,
    "1000000": 1e6,
    " 1 ": 1,
  };
  for (const [text, bytes] of Object.entries(sizes))
    assert.equal(parseShardSize(text), bytes, text);
});

test("anything else is refused with the value and the forms there are", () => {
  for (const text of [
    "",
    "B",
    "5G",
    "5 GB s",
    "-1",
    "1e9",
    "0x10",
    "five",
    "5constructor",
    "1.B",
  ]) {
    assert.throws(() => parseShardSize(text), {
      code: "usage",
      message: `"${text}" is not a shard size`,
      hint: /5B .* 500MB, 2GiB/,
    });
  }
  for (const text of ["0", "0.5", "0.0001KB", "99999999TB"]) {
    assert.throws(
      () => parseShardSize(text),
      { code: "usage", message: /^a shard size of / },
      text,
    );
  }
});
