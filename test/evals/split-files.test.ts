// Which files are a split: the shapes that data sets have on the hub, with and without a card.

import assert from "node:assert/strict";
import { test } from "node:test";
import { cardConfigs, filesOfSplit, missingShards } from "../../src/evals/datasets/splits.ts";

for (const [title, paths, config, split, expected] of [
  [
    "shards under a configuration's folder",
    ["main/train-00000-of-00001.parquet", "main/test-00000-of-00001.parquet", "README.md"],
    ...["main", "test", ["main/test-00000-of-00001.parquet"]],
  ],
  [
    "shards under data/, in order, with a split of any name",
    ["data/shots-00001-of-00002.parquet", "data/shots-00000-of-00002.parquet"],
    ...[
      undefined,
      "shots",
      ["data/shots-00000-of-00002.parquet", "data/shots-00001-of-00002.parquet"],
    ],
  ],
  [
    "the conversion to Parquet that the hub makes",
    ["boolq/train/0000.parquet", "boolq/validation/0000.parquet", "wic/validation/0000.parquet"],
    ...["boolq", "validation", ["boolq/validation/0000.parquet"]],
  ],
  [
    "words in file names",
    ["quiz_dev.jsonl", "quiz_test.jsonl", "latest.jsonl", "contest.jsonl"],
    ...[undefined, "validation", ["quiz_dev.jsonl"]],
  ],
  ["words are whole words", ["latest.jsonl", "contest.jsonl"], ...[undefined, "test", []]],
  [
    "folders of a split",
    ["test/part1.csv", "test/part2.csv", "train/part1.csv"],
    ...["default", "test", ["test/part1.csv", "test/part2.csv"]],
  ],
  ["no names at all are train", ["a.json", "b.json"], undefined, "train", ["a.json", "b.json"]],
  ["no names at all are nothing else", ["a.json"], undefined, "test", []],
  [
    "Parquet before other copies of the same",
    ["test.jsonl", "test.parquet", "dataset_infos.json"],
    ...[undefined, "test", ["test.parquet"]],
  ],
  ["a configuration that is no folder", ["en/test.csv"], "fr", "test", []],
] as const) {
  test(title, () => {
    assert.deepEqual(filesOfSplit(paths, config, split).files, expected);
  });
}

test("the card's word goes first", () => {
  const card = cardConfigs(`---
license: mit
configs:
- config_name: ARC-Easy
  default: true
  data_files:
  - split: test
    path: ARC-Easy/test-*
  - split: train
    path: [ARC-Easy/a-*, ARC-Easy/b-*]
- config_name: plain
  data_dir: ./odd/
- config_name: whole
  data_files: "*.csv"
---
# Card
`);
  const paths = ["ARC-Easy/test-0.parquet", "ARC-Easy/a-0.parquet", "ARC-Easy/b-0.parquet"];
  paths.push("odd/test.jsonl", "whole.csv", "deep/er.csv");
  const files = (config: string | undefined, split: string) =>
    filesOfSplit(paths, config, split, card).files;
  assert.deepEqual(files("ARC-Easy", "test"), ["ARC-Easy/test-0.parquet"]);
  assert.deepEqual(files(undefined, "train"), ["ARC-Easy/a-0.parquet", "ARC-Easy/b-0.parquet"]);
  assert.deepEqual(files("plain", "test"), ["odd/test.jsonl"]);
  assert.deepEqual(files("whole", "train"), ["whole.csv"]);
  assert.deepEqual(files("other", "test"), []);
  assert.deepEqual(filesOfSplit(paths, "other", "test", card).configs, [
    "ARC-Easy",
    "plain",
    "whole",
  ]);
});

test("a card without configurations, or without YAML, leaves it to the names", () => {
  assert.deepEqual(cardConfigs("# a card"), []);
  assert.deepEqual(cardConfigs("---\nlicense: mit\n---\n"), []);
  assert.deepEqual(cardConfigs("---\nconfigs: 3\n---\n"), []);
});

test("shards that the names promise are counted", () => {
  assert.equal(missingShards(["a-00000-of-00003.parquet", "a-00002-of-00003.parquet"]), 1);
  assert.equal(missingShards(["a-00000-of-00001.parquet"]), 0);
  assert.equal(missingShards(["a.jsonl"]), 0);
});
