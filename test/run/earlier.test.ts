// What a new run takes from an earlier one, and what keeps it from it.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openLineage } from "../../src/lineage/lineage.ts";
import type { Genome } from "../../src/recipe/search/genome.ts";
import { earlierCandidates } from "../../src/run/evolve/earlier.ts";

const folder = mkdtempSync(join(tmpdir(), "tsmerge-earlier-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const genome: Genome = {
  models: ["a", "b"],
  methods: ["task_arithmetic"],
  base: "base",
  smooth: false,
  filters: [],
  parameters: { weight: { lower: 0, upper: 1.5, start: 0.5 }, density: 0.5 },
  dtype: "bfloat16",
  randomInit: false,
};

const lineage = openLineage(join(folder, "run.db"));
lineage.begin({ identity: { genome: { ...genome } }, environment: {}, budget: {} });
lineage.beginSearch({});
const ids = lineage.candidates.add(
  [0.1, 0.2, 0.3].map((gene, k) => ({
    kind: "search" as const,
    position: { generation: 0, k },
    genome: [gene, gene],
    parents: [],
    recipe: "",
    recipeHash: `hash ${k}`,
  })),
);
lineage.candidates.start(ids[0]!);
lineage.candidates.finish(ids[0]!, { fitness: -0.5 });
lineage.candidates.start(ids[1]!);
lineage.candidates.fail(ids[1]!, { code: "numeric", message: "not finite" });
lineage.close();

test("settled candidates come with their genomes, failed ones as the worst", () => {
  assert.deepEqual(earlierCandidates(folder, genome), [
    { genome: [0.1, 0.1], fitness: -0.5 },
    { genome: [0.2, 0.2], fitness: Number.NEGATIVE_INFINITY },
  ]);
});

test("other models, ranges, tasks and fixed values do not matter; other genes do, by name", () => {
  const weight = { lower: -1, upper: 1, start: 0 };
  const family = { ...genome, models: ["c", "d"], base: "e", parameters: { weight, density: 1 } };
  assert.equal(earlierCandidates(folder, family).length, 2);
  const others: readonly (readonly [Partial<Genome>, RegExp])[] = [
    [{ models: ["a", "b", "c"] }, /its number of models differs/],
    [{ methods: ["ties"], filters: ["mlp"] }, /its merge_method, filters differ/],
    [{ layers: { groups: 2 } }, /its layer groups differs/],
    [{ subset: { min: 1, max: 2 } }, /its subset differs/],
    [{ parameters: { weight: { ...weight, lower: 0.1, scale: "log" } } }, /its parameters differs/],
  ];
  for (const [change, message] of others) {
    assert.throws(() => earlierCandidates(folder, { ...genome, ...change }), {
      code: "config",
      message,
    });
  }
});

test("a folder without a run is refused", () => {
  assert.throws(() => earlierCandidates(join(folder, "nothing"), genome), { code: "usage" });
});
