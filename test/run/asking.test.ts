// Searches that ask in conversations: prompts in the donor's template, another identity, the command line before the file.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { EvolveOptions } from "../../src/run/evolve/options.ts";
import { outlineOf } from "../../src/run/evolve/outline.ts";

const MODELS = join(import.meta.dirname, "../../evals/demo/models");
const root = mkdtempSync(join(tmpdir(), "tsmerge-asking-"));
after(() => rmSync(root, { recursive: true, force: true }));

const base = join(root, "base");
cpSync(join(MODELS, "base"), base, { recursive: true });
writeFileSync(
  join(base, "chat_template.jinja"),
  "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<answer>{% endif %}",
);

function outline(lines: string, changes: Partial<EvolveOptions> = {}) {
  const text = `genome:
  models: [${MODELS}/math, ${MODELS}/geography]
  base_model: ${base}
  merge_method: task_arithmetic
  parameters: {weight: {range: [0, 1.5], start: 0.5}}
tasks: [demo]
num_fewshot: 1
${lines}`;
  return outlineOf({
    ...{ file: join(root, "evolve.yml"), text, runFolder: join(root, "run"), environment: {} },
    ...{ limit: 20, reportLimit: 20, budget: { maxEvals: 3 }, device: "cpu", ...changes },
  });
}

test("a search asks in the chat template of the model that gives the tokenizer", async () => {
  const plain = await outline("");
  const chat = await outline("apply_chat_template: true\n");
  const [asked, before] = [chat.items.search[0]!, plain.items.search[0]!];
  assert.match(asked.context, /^<user>[^<]+<assistant>[^<]+<user>[^<]+<answer>$/);
  assert.doesNotMatch(before.context, /<user>/);
  assert.equal(asked.docId, before.docId);
  assert.notEqual(chat.items.hash, plain.items.hash);
  assert.match(chat.notes.join("\n"), /questions are asked in .*base's chat template/);
  for (const purpose of ["selection", "report"] as const) {
    assert.ok(chat.items[purpose].every(({ context }) => context.endsWith("<answer>")));
  }
});

test("the command line says how before the file does", async () => {
  const lines = "apply_chat_template: true\nsystem_instruction: Be brief.\n";
  const plain = await outline(lines, { chat: false });
  assert.match(plain.items.search[0]!.context, /^Be brief\./);
  const one = await outline(lines, {
    chat: { isMultiturn: false },
    systemInstruction: "Be exact.",
  });
  assert.match(one.items.search[0]!.context, /^<system>Be exact\.<user>[^<]+<answer>$/);
});

test("a model without a template is told before anything is computed", async () => {
  await assert.rejects(
    outline("apply_chat_template: true\n", {
      text: `genome: {models: [${MODELS}/math, ${MODELS}/code], base_model: ${MODELS}/base, merge_method: ties}
tasks: [demo]
apply_chat_template: true
`,
    }),
    /no chat template/,
  );
});
