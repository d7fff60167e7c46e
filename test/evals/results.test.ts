import assert from "node:assert/strict";
import { test } from "node:test";
import { estimateMean, pool, scoreItem } from "../../src/evals/metrics.ts";
import { codePoints, rstrip, strip } from "../../src/evals/python/text.ts";
import { summarise } from "../../src/evals/results.ts";
import { renderResults } from "../../src/evals/results-table.ts";
import { loadTasks } from "../../src/evals/tasks/tasks.ts";
import { fakeScores } from "./shared.ts";

const item = { task: "t", docId: 3, hash: "", gold: 1, choiceLengths: [1, 4] };

test("acc compares sums, acc_norm divides by code points, the first of equals wins", () => {
  const score = scoreItem(item, [-2, -4]);
  assert.deepEqual([score.acc, score.accNorm], [0, 1]);
  assert.equal(scoreItem({ ...item, gold: 0 }, [-3, -3]).acc, 1);
  assert.equal(scoreItem(item, [-3, -3]).acc, 0);
  assert.equal(codePoints("😀é"), 2);
});

test("logprob is the log-softmax over the choices at gold, at any scale", () => {
  const close = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-12, `${a} is not ${b}`);
  close(scoreItem(item, [-2, -4]).logprob, -2 - Math.log(1 + Math.exp(-2)));
  close(scoreItem(item, [-2000, -2002]).logprob, -2 - Math.log(1 + Math.exp(-2)));
  close(scoreItem(item, [-5000, -1]).logprob, 0);
  assert.equal(scoreItem({ ...item, gold: -1 }, [-2, -4]).logprob, -Infinity);
});

test("a log-likelihood that is not a number is an error, not a wrong answer", () => {
  assert.throws(() => scoreItem(item, [Number.NaN, -4]), /t question 3 is not a number/);
});

test("one item has no standard error, and neither has a group with such a task", () => {
  assert.deepEqual(estimateMean([1]), { n: 1, value: 1, stderr: null });
  const two = estimateMean([0, 1]);
  assert.deepEqual(two, { n: 2, value: 0.5, stderr: 0.5 });
  assert.deepEqual(pool([estimateMean([1]), two]), { n: 3, value: 2 / 3, stderr: null });
});

test("strip() is Python's: U+001C and U+0085 go, U+FEFF stays", () => {
  assert.equal(strip("\x1c\x85 \u2028a\ufeff\u3000\n"), "a\ufeff");
  assert.equal(rstrip(" a \x1f"), " a");
  assert.equal(strip(" \t"), "");
});

test("the table has lm-eval's columns and n, tasks under their group, sorted", async () => {
  const suite = await loadTasks(["demo"], { split: "val" });
  const metrics = suite.groups.map((group) => ({ ...group, metrics: ["acc"] as const }));
  const leaves = suite.leaves.map((leaf) => ({ ...leaf, metrics: ["acc"] as const }));
  const result = summarise({ ...suite, leaves, groups: metrics }, fakeScores(suite.items));
  assert.equal(
    renderResults(result),
    `\
| Tasks        | Version | Filter | n-shot | Metric |    |  Value |    | Stderr |        95 % |    n |
| :----------- | ------: | :----- | -----: | :----- | :- | -----: | :- | -----: | ----------: | ---: |
| demo         |       1 | none   |      0 | acc    | ↑  | 0.2490 | ±  | 0.0136 | 0.223–0.277 | 1000 |
|  - code      |       1 | none   |      0 | acc    | ↑  | 0.2640 | ±  | 0.0279 | 0.213–0.322 |  250 |
|  - geography |       1 | none   |      0 | acc    | ↑  | 0.3040 | ±  | 0.0292 | 0.250–0.364 |  250 |
|  - math      |       1 | none   |      0 | acc    | ↑  | 0.2200 | ±  | 0.0263 | 0.173–0.275 |  250 |
|  - spanish   |       1 | none   |      0 | acc    | ↑  | 0.2080 | ±  | 0.0257 | 0.162–0.263 |  250 |

| Groups | Version | Filter | n-shot | Metric |    |  Value |    | Stderr |        95 % |    n |
| :----- | ------: | :----- | -----: | :----- | :- | -----: | :- | -----: | ----------: | ---: |
| demo   |       1 | none   |      0 | acc    | ↑  | 0.2490 | ±  | 0.0136 | 0.223–0.277 | 1000 |`,
  );
});
