// Searches whose fitness comes from a user's program, and from an endpoint.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openLineage } from "../../src/lineage/lineage.ts";
import { evolve } from "../../src/run/evolve/evolve.ts";
import { planEvolve } from "../../src/run/evolve/forecast.ts";
import type { EvolveOptions } from "../../src/run/evolve/options.ts";
import { startEndpoint } from "../exec/endpoint-server.ts";
import { quickFolder } from "./quick-folder.ts";

const models = fileURLToPath(new URL("../../evals/demo/models", import.meta.url));
const folder = quickFolder();
const log = join(folder, "log");

function options(name: string, tasks: string, changes: Partial<EvolveOptions> = {}): EvolveOptions {
  const text = `genome:
  models: [${models}/math, ${models}/geography]
  base_model: ${models}/base
  merge_method: task_arithmetic
  parameters: {weight: {range: [0, 1.5], start: 0.5}}
tasks:
${tasks}`;
  return {
    ...{ file: join(folder, "evolve.yml"), text, runFolder: join(folder, name) },
    ...{ budget: { maxEvals: 3 }, population: 3, seed: 1, device: "cpu", environment: {} },
    ...changes,
  };
}

/** Prints 40 items that depend on the weights' bytes and the split; fails for one search candidate. */
const program = join(folder, "score.mjs");
writeFileSync(
  program,
  `import { createHash } from "node:crypto";
import { appendFileSync, readFileSync, existsSync } from "node:fs";
import { join } from "node:path";
const [model, split] = process.argv.slice(2);
const bytes = readFileSync(join(model, "model.safetensors"));
if (!existsSync(join(model, "tokenizer.json"))) throw new Error("no tokenizer");
appendFileSync(${JSON.stringify(log)}, split + "\\n");
const lines = readFileSync(${JSON.stringify(log)}, "utf8").split("\\n").filter((each) => each === "search");
if (split === "search" && lines.length === 7) { console.error("out of patience"); process.exit(1); }
const hash = createHash("sha256").update(bytes).update(split).digest();
console.log(JSON.stringify({ items: [...hash].map((byte) => byte % 2) }));
`,
);

test("a program's items guide a search and are reported with their interval; a failure stays one candidate's", async () => {
  const task = `  - {name: mine, command: [node, ${program}, "{model}", "{split}"], retries: 0}\n`;
  const asked = options("program", task);
  const notes: string[] = [];
  const result = await evolve(asked, {
    onEvent: (event) => event.type === "note" && notes.push(event.text),
  });
  assert.match(notes.join("\n"), /mine: a program of yours, which is told the split/);
  assert.equal(result.metric, "score ↑");
  assert.equal(result.search.failed, 1);
  assert.deepEqual(result.items, { search: 32, selection: 32, report: 32 });
  for (const { score, againstBestParent, bestParent } of result.report) {
    assert.equal(score.n, 32);
    assert.ok(score.low! < score.value && score.value < score.high!);
    if (!bestParent) assert.equal(typeof againstBestParent?.p, "number");
  }
  const lineage = openLineage(join(asked.runFolder, "run.db"), { readonly: true });
  const [failed] = lineage.candidates.list({ kind: "search", status: "failed" });
  lineage.close();
  assert.match(failed?.error?.message ?? "", /ended with code 1; .*out of patience/s);
  assert.equal(existsSync(join(asked.runFolder, "outside")), false);
  const calls = readFileSync(log, "utf8");
  const patient = { ...asked, text: asked.text.replace("retries: 0", "retries: 2, timeout: 9000") };
  assert.deepEqual(
    await evolve(patient),
    result,
    "a finished run is told again, whatever its patience",
  );
  const longer = await evolve({ ...asked, budget: { maxEvals: 4 } });
  assert.equal(longer.search.evaluations, 4);
  const more = readFileSync(log, "utf8").slice(calls.length).split("\n").filter(Boolean);
  assert.equal(more.filter((split) => split === "search").length, 1, "one new candidate, one call");
});

test("a forecast of a program's search has one worker, and as many items as only the program knows", async () => {
  const task = `  - {name: mine, command: ["true", "{model}", "{split}"]}\n`;
  const asked = options("forecast", task, { budget: { items: 100 } });
  const { workers, evaluations, items } = await planEvolve(asked);
  assert.deepEqual([workers, evaluations, items.search], [1, undefined, 0]);
  assert.equal((await planEvolve({ ...asked, workers: 2 })).workers, 2);
});

test("without items no interval is known, and who asks the same again shows no improvement", async () => {
  // the later a model is written, the better it is said to be: merges come after what they have to beat
  const number = 'Number(require("path").basename(process.argv[1]))';
  const bare = `node -e 'console.log(JSON.stringify({score: -${number}}))' {model}`;
  const items = `[1, 2].map((id) => ({ id, score: ${number} }))`;
  const again = `node -e 'console.log(JSON.stringify({items: ${items}}))' {model} {split}`;
  const task = `  - {name: blind, command: ${JSON.stringify(bare)}, direction: minimise}
  - {name: again, command: ${JSON.stringify(again)}}\n`;
  const result = await evolve(options("blind", task));
  assert.equal(result.metric, "1 blind score ↓, 1 again score ↑");
  const winner = result.report.find(({ role }) => role === "winner")!;
  assert.deepEqual([winner.score.stderr, winner.score.low], [null, null]);
  assert.equal(winner.againstBestParent?.p, null);
  assert.equal(result.improved, false);
  assert.match(result.verdict, /blind, again may have asked the search's own questions again/);
});

test("an endpoint answers the questions of a bundled task", async () => {
  const endpoint = await startEndpoint();
  const task = `  - {name: demo_math, metric: acc, http: {url: "${endpoint.url}"}}\n`;
  try {
    const result = await evolve(options("endpoint", task, { limit: 6, reportLimit: 8 }));
    assert.equal(result.report[0]?.score.n, 8);
    assert.equal(result.isCounted, true);
    assert.equal(result.items.search, 6);
    assert.ok(endpoint.requests.every(({ model }) => model.includes("outside")));
    // the server's answers do not depend on the model
    assert.ok(result.report.every(({ score }) => score.value === result.report[0]?.score.value));
  } finally {
    endpoint.server.close();
  }
});
