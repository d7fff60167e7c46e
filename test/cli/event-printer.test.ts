// What a run's events look like on stderr: which lines stay, and what the moving line says.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventPrinter } from "../../src/cli/event-printer.ts";
import type { RunEvent } from "../../src/run/evolve/events.ts";

function printed(...events: RunEvent[]): { lines: string[]; shown: string[] } {
  const lines: string[] = [];
  const shown: string[] = [];
  const print = eventPrinter({
    line: (text) => lines.push(text),
    update: (text) => shown.push(text),
    close: () => {},
  });
  for (const event of events) print(event);
  return { lines, shown };
}

const started: Extract<RunEvent, { type: "started" }> = {
  type: "started",
  ...{ folder: "runs/a", resumed: false, dimension: 8, strategy: "auto" },
  ...{ population: 12, seed: 1, metric: "logprob ↑", budget: {} },
  items: { search: 600, selection: 250, report: 1000 },
};

test("a start says what is searched, by what and on how much", () => {
  const { lines } = printed(
    started,
    { ...started, resumed: true, metric: "bits_per_byte ↓" },
    { ...started, items: { search: 0, selection: 0, report: 0 } },
  );
  assert.equal(
    lines[0],
    "starting runs/a: auto over 8 genes, 12 candidates a generation, seed 1; by logprob ↑; " +
      "600 search, 250 selection and 1000 report items",
  );
  assert.match(lines[1]!, /^continuing runs\/a: .* \(of what is minimised the sign is turned\); /);
  assert.match(lines[2]!, /; items are the program's$/);
});

test("a score never stands without its n, its error and its place", () => {
  const best = { label: "3.07", score: -0.52756, n: 617, stderr: 0.04891 };
  const { lines, shown } = printed(
    {
      ...{ type: "newBest", generation: 3, evaluation: 44, ...best },
      ...{ delta: -0.0123, file: "runs/a/best_config.yaml" },
    },
    {
      ...{ type: "progress", stage: "search", done: 44, total: 150 },
      ...{ perMinute: 31.4, etaSeconds: 203, best },
    },
    {
      ...{ type: "progress", stage: "report", done: 1, total: undefined },
      ...{ perMinute: undefined, etaSeconds: undefined, best: undefined },
    },
  );
  assert.deepEqual(lines, [
    "new best 3.07 (evaluation 44): -0.5276 ± 0.0489 on 617 search items, −0.0123 to the best baseline → runs/a/best_config.yaml",
  ]);
  assert.deepEqual(shown, [
    "search 44/150   best 3.07 -0.5276 ± 0.0489 on 617 search items   31/min   ETA 3:23",
    "report 1",
  ]);
});

test("notes, failures and the end stay on the screen; a single score does not", () => {
  const { lines } = printed(
    { type: "note", text: "no budget given" },
    { type: "failed", label: "0.02", message: "not finite" },
    { type: "scored", stage: "search", label: "0.03", score: 1 },
    { type: "ended", reason: "150 evaluations done" },
  );
  assert.deepEqual(lines, [
    "note: no budget given",
    "candidate 0.02 failed: not finite",
    "search ended: 150 evaluations done",
  ]);
});
