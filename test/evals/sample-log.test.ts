// A sample log's hashes are lm-evaluation-harness's, and its lines have that program's fields.

import assert from "node:assert/strict";
import { test } from "node:test";
import { keyOf, scoreItem } from "../../src/evals/metrics.ts";
import { sampleHashes, sampleLines, taskHash } from "../../src/evals/sample-log.ts";
import { loadTasks } from "../../src/evals/tasks/tasks.ts";
import { DATA_DIR, skipWithoutShared } from "./shared.ts";

test("hashes of ARC's and GSM8K's first questions are those lm-eval logs", {
  skip: skipWithoutShared,
}, async () => {
  const options = { split: "test", dataDir: DATA_DIR } as const;
  const arc = await loadTasks(["arc_easy"], options);
  assert.deepEqual(sampleHashes(arc.items[0]!), {
    doc_hash: "b91fe1a8fdc40a80b9364f6256ac729d010ba076b02e75a362c2cf7ad3303bdf",
    prompt_hash: "f804da9f5e214341d08d56228bb255177a0e5740f82e61b45887fcb5dc5c08ce",
    target_hash: "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
  });
  const gsm8k = await loadTasks(["gsm8k"], options);
  assert.equal(
    sampleHashes(gsm8k.items[0]!).prompt_hash,
    "32680f263ba83280e98a8a24ceefed10a722a4cdcd9f4d78e93c45d43143ca66",
  );
});

test("a line holds what was asked, what came back and what it scored", async () => {
  const { items } = await loadTasks(["demo_math"], { split: "val" });
  const [item] = items;
  const answer = {
    logLikelihoods: [-7, -1.5, -9, -8],
    greedy: [false, true, false, false],
    texts: [],
  };
  const source = { item: item!, answer, metrics: ["acc" as const] };
  const score = scoreItem(keyOf(item!), answer.logLikelihoods, answer.greedy);
  const [line, ...more] = sampleLines({ ...source, score });
  assert.deepEqual(more, []);
  assert.ok(line!.endsWith(`"acc": ${score.acc}.0}\n`), line);
  const record = JSON.parse(line!);
  assert.deepEqual(Object.keys(record), [
    ...["doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"],
    ...["doc_hash", "prompt_hash", "target_hash", "acc"],
  ]);
  assert.deepEqual(record.resps[1], [["-1.5", "True"]]);
  assert.deepEqual(record.filtered_resps[0], ["-7.0", "False"]);
  assert.equal(record.arguments.gen_args_3.arg_0, item!.context);
  assert.equal(record.arguments.gen_args_3.arg_1, item!.continuations[3]);
  assert.equal(record.target, String(item!.gold));
  const bypass = JSON.parse(sampleLines({ ...source, score: undefined })[0]!);
  assert.deepEqual([bypass.metrics, bypass.bypass, bypass.acc], [["bypass"], 999, undefined]);
});

test("a task's hash is that of its questions' hashes in order", async () => {
  const { items } = await loadTasks(["demo_math"], { split: "val" });
  const some = items.slice(0, 3);
  assert.equal(taskHash(some), taskHash([...some]));
  assert.notEqual(taskHash(some), taskHash([some[1]!, some[0]!, some[2]!]));
});

test("a generated text is logged before and after each filter", {
  skip: skipWithoutShared,
}, async () => {
  const { items, leaves } = await loadTasks(["gsm8k"], { split: "test", dataDir: DATA_DIR });
  const answer = { logLikelihoods: [], greedy: [], texts: ["He has 18. #### 17"] };
  const [leaf] = leaves;
  const source = { item: items[0]!, answer, metrics: leaf!.metrics };
  const records = sampleLines({ ...source, score: undefined }).map((line) => JSON.parse(line));
  assert.deepEqual(
    records.map(({ filter, filtered_resps }) => [filter, filtered_resps]),
    [
      ["strict-match", ["17"]],
      ["flexible-extract", ["17"]],
    ],
  );
  assert.deepEqual(records[0].resps, [["He has 18. #### 17"]]);
  assert.deepEqual(records[0].arguments.gen_args_0.arg_1.until, [
    "Question:",
    "</s>",
    "<|im_end|>",
  ]);
});
