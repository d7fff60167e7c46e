// gen_prefix: what answers begin with stands in the prompt, with a space only where nothing else is at the seam.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadTasks } from "../../src/evals/tasks/tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "tsmerge-prefix-"));
after(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, "d.jsonl"), '{"q":"1+1","a":"2"}\n{"q":"2+2","a":"4"}\n');

async function prompts(task: string, ...fields: string[]): Promise<string[]> {
  const lines = [
    `task: ${task}`,
    "dataset_path: json",
    "dataset_kwargs: { data_files: { dev: d.jsonl, test: d.jsonl } }",
    "test_split: test",
    "fewshot_split: dev",
    "fewshot_config: { sampler: first_n }",
    "num_fewshot: 1",
    "output_type: generate_until",
    "doc_to_target: a",
    ...fields,
  ];
  writeFileSync(join(folder, `${task}.yaml`), lines.join("\n"));
  const { items } = await loadTasks([task], { split: "test", includePaths: [folder] });
  return items.map(({ context }) => context);
}

test("a prefix stands after the question and before each answer", async () => {
  const spaced = await prompts("one", 'doc_to_text: "Q {{q}}"', 'gen_prefix: "A:"');
  assert.equal(spaced[1], "Q 1+1 A: 2\n\nQ 2+2 A:");
  const lines = await prompts("two", 'doc_to_text: "Q {{q}}\\n"', 'gen_prefix: "A: "');
  assert.equal(lines[1], "Q 1+1\nA: 2\n\nQ 2+2\nA: ");
  const template = await prompts("three", "doc_to_text: q", 'gen_prefix: "[{{q}}]"');
  assert.equal(template[1], "1+1 [1+1] 2\n\n2+2 [2+2]");
});
