// What --dry-run prints of a search, and quantities as people read them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { renderForecast } from "../../src/report/forecast.ts";
import { countText, sizeText } from "../../src/report/quantity.ts";
import type { Forecast } from "../../src/run/evolve/forecast.ts";

const forecast: Forecast = {
  dimension: 2,
  genes: ["math.weight", "code.weight"],
  strategy: "cmaes",
  population: 12,
  budget: { maxEvals: 150 },
  evaluations: 150,
  baselines: 5,
  items: { search: 600, selection: 250, report: 1000 },
  tokens: {
    search: { computed: 12_300, naive: 49_200 },
    selection: { computed: 800, naive: 1600 },
    report: { computed: 1_300_000, naive: 9_600_000 },
  },
  tokensInAll: 2_500_000_000,
  workers: 2,
  memoryBytes: 1.5 * 2 ** 30,
  diskBytes: 3 * 2 ** 20,
  seed: 7,
  notes: ["weights are searched as shares"],
};

test("a forecast is told in lines, with what the trie saves", () => {
  assert.equal(
    renderForecast(forecast),
    [
      "note: weights are searched as shares",
      "2 genes: math.weight, code.weight",
      "cmaes, 12 candidates a generation, seed 7",
      "150 evaluations, 5 baselines besides",
      "search: 600 items, 12.3 k tokens a candidate (4.0× fewer than one pass a prompt)",
      "selection: 250 items, 800 tokens a candidate (2.0× fewer than one pass a prompt)",
      "report: 1000 items, 1.30 M tokens a candidate (7.4× fewer than one pass a prompt)",
      "tokens in all: 2.50 G",
      "memory: about 1.50 GiB of weights in 2 workers",
      "disk: about 3 MiB in the run folder",
    ].join("\n"),
  );
});

test("what only a program or the clock knows is not guessed", () => {
  const none = { computed: 0, naive: 0 };
  const text = renderForecast({
    ...forecast,
    ...{ evaluations: undefined, tokensInAll: undefined, diskBytes: undefined, workers: 1 },
    items: { search: 0, selection: 0, report: 40 },
    tokens: { search: none, selection: none, report: none },
  });
  assert.match(text, /^as many as the budget allows evaluations, /m);
  assert.match(text, /^search: a program's own items, scored outside$/m);
  assert.match(text, /^report: 40 items, scored outside$/m);
  assert.match(text, /^tokens in all: unknown$/m);
  assert.match(text, / in 1 worker$/m);
  assert.match(text, /^disk: unknown in the run folder$/m);
});

test("quantities have three digits or so, and bytes binary units", () => {
  assert.deepEqual([812, 9600, 1.3e6, 7.25e9].map(countText), ["812", "9.6 k", "1.30 M", "7.25 G"]);
  const sizes = [1, 2048, 80 * 2 ** 20, 1.25 * 2 ** 30].map(sizeText);
  assert.deepEqual(sizes, ["1 KiB", "2 KiB", "80 MiB", "1.25 GiB"]);
});
