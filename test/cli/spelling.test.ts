import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalArguments } from "../../src/cli/spelling.ts";

test("mergekit-evolve's and lm-eval's flags become ours", () => {
  assert.deepEqual(
    canonicalArguments([
      "evolve.yml",
      "--storage-path",
      "./w",
      "--max-fevals=10",
      "--num_fewshot",
      "2",
      "--tasks",
      "a,b",
      "--random-seed",
      "7",
      "--n-iterations",
      "100",
    ]),
    [
      "evolve.yml",
      "--run-folder",
      "./w",
      "--max-evals=10",
      "--num-fewshot",
      "2",
      "--task",
      "a,b",
      "--seed",
      "7",
      "--generations",
      "100",
    ],
  );
});

test("a timeout counts seconds, a budget minutes", () => {
  assert.deepEqual(canonicalArguments(["--timeout", "90"]), ["--budget-minutes", "1.5"]);
  assert.deepEqual(canonicalArguments(["--timeout=30"]), ["--budget-minutes", "0.5"]);
  assert.deepEqual(canonicalArguments(["--timeout", "soon"]), ["--budget-minutes", "soon"]);
});

test("values and words after -- are left alone", () => {
  assert.deepEqual(canonicalArguments(["my_model", "-o", "a_b", "--", "--max_fevals"]), [
    "my_model",
    "-o",
    "a_b",
    "--",
    "--max_fevals",
  ]);
});
