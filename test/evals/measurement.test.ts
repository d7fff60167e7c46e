// What a user's program may print, what becomes of it, and what is said of anything else.

import assert from "node:assert/strict";
import { test } from "node:test";
import { measuredScores, parseMeasurement } from "../../src/evals/measurement.ts";

test("a score, a score with its spread, and items are read", () => {
  assert.deepEqual(parseMeasurement('{"score": 0.5}\n'), { score: 0.5 });
  const spread = { score: 0.5, stderr: 0.01, n: 2500 };
  assert.deepEqual(parseMeasurement(JSON.stringify(spread)), spread);
  const items = parseMeasurement('{"items": [1, 0, {"id": "q7", "score": 1}], "score": 0.6667}');
  const scores = measuredScores("mine", "search", items);
  assert.deepEqual(
    scores.map(({ hash, others }) => [hash, others?.score]),
    [
      ["mine/search/0", 1],
      ["mine/search/1", 0],
      ["q7", 1],
    ],
  );
});

test("talk before the last line does not matter", () => {
  assert.deepEqual(parseMeasurement('loading…\n 50 %\n{"score": 1}\n\n'), { score: 1 });
});

test("a score without items has what the program says of its spread, or nothing", () => {
  const [bare] = measuredScores("mine", "report", { score: 3 });
  assert.deepEqual(bare?.summary, { n: 1, stderr: null });
  const [known] = measuredScores("mine", "report", { score: 3, stderr: 0.1, n: 40 });
  assert.deepEqual(known?.summary, { n: 40, stderr: 0.1 });
});

test("anything else is refused with what was printed", () => {
  for (const [printed, message] of [
    ["no idea", /printed no JSON but "no idea"/],
    ['{"n": 3}', /no score/],
    ['{"score": "high"}', /score/],
    ['{"score": NaN}', /no JSON/],
    ['{"scores": [1]}', /scores/],
    ['{"score": 0.5, "items": [1, 1]}', /score is 0.5, and its items' mean is 1/],
  ] as const) {
    assert.throws(() => parseMeasurement(printed), message);
  }
});
