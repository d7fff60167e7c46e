// A run's questions as work: what tokenisation met is told, and texts are refused where no tokenizer's files lie.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { Item } from "../../src/evals/item.ts";
import { encodingNotes } from "../../src/run/encoding-notes.ts";
import type { RunItems } from "../../src/run/evolve/items.ts";
import type { SearchTokenizer } from "../../src/run/evolve/search-tokenizer.ts";
import { workloadsOf } from "../../src/run/evolve/workloads.ts";

const BASE = join(import.meta.dirname, "../../evals/demo/models/base");

test("exceptions of tokenisation are told with how often, and nothing where there were none", () => {
  assert.deepEqual(encodingNotes({ truncated: 0, seams: 0, separate: 0 }), []);
  assert.deepEqual(encodingNotes({ truncated: 3, seams: 0, separate: 1 }), [
    "3 choices follow a prompt longer than the model's positions: its beginning is cut",
    "1 choices have no token of their own and are encoded apart",
  ]);
});

test("texts cannot be asked of a tokenizer that lies in no folder", async () => {
  const judgement = { kind: "generation" } as unknown as Item["judgement"]; // no rule is looked at
  const item = { task: "stories", judgement } as Item;
  const items = { search: [item], selection: [], report: [], tasks: [], sources: new Map() };
  const tokens = { folder: undefined } as unknown as SearchTokenizer; // refused before it is used
  await assert.rejects(workloadsOf(items as unknown as RunItems, BASE, tokens, undefined), {
    code: "config",
    message: /^stories generates texts, and tokenizer_source makes a tokenizer/,
    hint: /tokenizer_source: base/,
  });
});
