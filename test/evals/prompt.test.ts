// Prompts as plain text and as conversations, by lm-evaluation-harness's rules, in a template of each temper.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadTasks } from "../../src/evals/tasks/tasks.ts";
import { loadChatTemplate } from "../../src/model/chat-template.ts";
import { DATA_DIR, skipWithoutShared } from "./shared.ts";

const folder = mkdtempSync(join(tmpdir(), "tsmerge-chat-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const CHATML = `{% for message in messages %}
<|{{ message.role }}|>{{ message.content }}<|end|>
{% endfor %}
{% if add_generation_prompt %}
<|assistant|>{% endif %}`;
const STRICT = `{{ bos_token }}{% for message in messages %}{% if message.role == 'system' %}{{ raise_exception('no system') }}{% endif %}[{{ message.role }}]{{ message.content }}{% endfor %}[/]`;

function configured(config: object): string {
  writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify(config));
  return folder;
}

const QUESTION = "Question: What is 3 + 8?\nAnswer:";

async function firstItem(options: object) {
  const { items } = await loadTasks(["demo_math"], { split: "val", ...options });
  return items[0]!;
}

test("plain text has the system instruction before everything", async () => {
  const plain = await firstItem({ fewshot: 1 });
  const told = await firstItem({ fewshot: 1, systemInstruction: "Be brief." });
  assert.equal(told.context, `Be brief.${plain.context}`);
  assert.deepEqual(told.continuations, plain.continuations);
});

test("a conversation has examples as turns, and the answer without its delimiter", async () => {
  const { source, render } = await loadChatTemplate(configured({ chat_template: CHATML }));
  assert.equal(source, CHATML);
  const plain = await firstItem({ fewshot: 2 });
  const [one, two, question] = plain.context.split("\n\n");
  const [ask, answer] = one!.split(/ (?=\S+$)/);
  const [askTwo, answerTwo] = two!.split(/ (?=\S+$)/);
  const chat = { render, template: source };
  const turns = await firstItem({
    ...{ fewshot: 2, systemInstruction: "Be brief.", chat: { ...chat, isMultiturn: true } },
  });
  assert.equal(
    turns.context,
    `<|system|>Be brief.<|end|>\n<|user|>${ask}<|end|>\n<|assistant|>${answer}<|end|>\n` +
      `<|user|>${askTwo}<|end|>\n<|assistant|>${answerTwo}<|end|>\n<|user|>${question}<|end|>\n<|assistant|>`,
  );
  assert.deepEqual(turns.continuations, turns.choices);
  assert.deepEqual(turns.choices, plain.choices);
  assert.equal(turns.hash, plain.hash);
  const single = await firstItem({ fewshot: 2, chat: { ...chat, isMultiturn: false } });
  assert.equal(single.context, `<|user|>${plain.context}<|end|>\n<|assistant|>`);
});

test("a template that refuses a system message is asked without it", async () => {
  const directory = configured({ bos_token: { content: "<s>" }, chat_template: STRICT });
  const { render } = await loadChatTemplate(directory);
  const user = { role: "user", content: QUESTION } as const;
  assert.equal(render([{ role: "system", content: "S" }, user]), `<s>[user]${QUESTION}[/]`);
});

test("templates have names, and a model without one says so", async () => {
  const listed = [
    { name: "default", template: "D{{ messages[0].content }}" },
    { name: "tool_use", template: "T" },
  ];
  const directory = configured({ chat_template: listed });
  const user = [{ role: "user", content: "x" }] as const;
  assert.equal((await loadChatTemplate(directory)).render(user), "Dx");
  assert.equal((await loadChatTemplate(directory, "tool_use")).render(user), "T");
  await assert.rejects(loadChatTemplate(directory, "tool_us"), /did you mean "tool_use"/);
  writeFileSync(join(folder, "chat_template.jinja"), "J");
  assert.equal((await loadChatTemplate(directory)).render(user), "J");
  rmSync(join(folder, "chat_template.jinja"));
  await assert.rejects(loadChatTemplate(configured({})), /no chat template/);
  await assert.rejects(
    loadChatTemplate(configured({ chat_template: "{% if %}" })),
    /cannot be rendered/,
  );
});

test("choices that are prompts are conversations, and one text follows them all", {
  skip: skipWithoutShared,
}, async () => {
  const { source, render } = await loadChatTemplate(configured({ chat_template: CHATML }));
  const chat = { render, template: source, isMultiturn: true };
  const options = { split: "test", dataDir: DATA_DIR, chat } as const;
  const { items } = await loadTasks(["winogrande"], options);
  const [one, other] = items[0]!.contexts!;
  assert.match(one!, /^<\|user\|>Sarah was .* so Sarah<\|end\|>\n<\|assistant\|>$/);
  assert.match(other!, /so Maria<\|end\|>\n<\|assistant\|>$/);
  assert.deepEqual(items[0]!.continuations, Array(2).fill("always got the easier cases."));
});

test("a conversation whose last words are the assistant's goes on after them", async () => {
  const trimming = "{% for m in messages %}[{{m.role}}]{{m.content|trim}}</>{% endfor %}";
  const user = { role: "user", content: QUESTION } as const;
  const begun = { role: "assistant", content: "It is " } as const;
  const keeping = await loadChatTemplate(configured({ chat_template: CHATML }));
  assert.ok(keeping.render([user, begun]).endsWith("<|assistant|>It is "));
  const trimmed = await loadChatTemplate(configured({ chat_template: trimming }));
  assert.equal(trimmed.render([user, begun]), `[user]${QUESTION}</>[assistant]It is`);
  const deaf = await loadChatTemplate(configured({ chat_template: "{{messages[0].content}}" }));
  assert.throws(() => deaf.render([user, begun]), /leaves out the beginning of the answer/);
});

test("options of generation replace a task's own", { skip: skipWithoutShared }, async () => {
  const genKwargs = { max_gen_toks: 8, until: ["\n"] };
  const options = { split: "test", dataDir: DATA_DIR, genKwargs } as const;
  const { leaves } = await loadTasks(["gsm8k", "arc_easy"], options);
  const [gsm8k, arc] = leaves.map(({ documents }) => documents.config.generation_kwargs);
  assert.equal(gsm8k!.max_gen_toks, 8);
  assert.deepEqual(gsm8k!.until, ["\n"]);
  assert.equal(arc, undefined);
});
