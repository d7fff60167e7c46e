import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { chatTemplate, chatTemplateProblem, templateFiles } from "../../src/merge/chat-template.ts";

const root = mkdtempSync(join(tmpdir(), "tsmerge-template-"));
after(() => rmSync(root, { recursive: true, force: true }));

function model(name: string, files: Readonly<Record<string, unknown>>): string {
  const directory = join(root, name);
  mkdirSync(directory);
  for (const [file, content] of Object.entries(files)) {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    writeFileSync(join(directory, file), text);
  }
  return directory;
}

test("every named template walks through messages and speaks its format", async () => {
  const marks = {
    alpaca: "### Instruction:\n",
    chatml: "<|im_start|>",
    exaone: "[|endofturn|]",
    llama3: "<|eot_id|>",
    mistral: "[INST] ",
  };
  for (const [name, mark] of Object.entries(marks)) {
    const template = (await chatTemplate(name, [])) ?? "";
    assert.ok(template.replaceAll("\\n", "\n").includes(mark), name);
    assert.match(template, /for message in (messages|turns)/);
    assert.equal((template.match(/{%/g) ?? []).length, (template.match(/%}/g) ?? []).length);
  }
});

test("Jinja is taken as it is; a name that is none is refused with the nearest", async () => {
  const jinja = "{% for m in messages %}{{ m.content }}{% endfor %}";
  assert.equal(await chatTemplate(jinja, []), jinja);
  assert.match(chatTemplateProblem("chatlm") ?? "", /did you mean "chatml"/);
  assert.match(chatTemplateProblem("{{ short }}") ?? "", /neither/);
  assert.match(chatTemplateProblem("a long line that is no template") ?? "", /neither/);
  assert.match(chatTemplateProblem("constructor") ?? "", /neither/);
});

test("auto takes the template that most models have, the first of equals, or none", async () => {
  const jinja = model("jinja", { "chat_template.jinja": "one" });
  const config = model("config", { "tokenizer_config.json": { chat_template: "two" } });
  const list = [
    { name: "tool_use", template: "three" },
    { name: "default", template: "two" },
  ];
  const named = model("named", { "tokenizer_config.json": { chat_template: list } });
  const none = model("none", { "tokenizer_config.json": {} });
  const only = model("only", {
    "tokenizer_config.json": { chat_template: [{ name: "chat", template: "four" }] },
  });
  assert.equal(await chatTemplate("auto", [named]), "two");
  assert.equal(await chatTemplate("auto", [only]), "four");
  assert.equal(await chatTemplate("auto", [jinja, config, named, none]), "two");
  assert.equal(await chatTemplate("auto", [none, jinja, config]), "one");
  assert.equal(await chatTemplate("auto", [none, model("bare", {})]), undefined);
  const broken = model("broken", { "tokenizer_config.json": { chat_template: 3 } });
  await assert.rejects(chatTemplate("auto", [broken]), { code: "incompatible" });
});

test("a template is written where old and new transformers look for it", () => {
  const files = templateFiles("{{ text }}", { model_max_length: 8 });
  assert.equal(files["chat_template.jinja"], "{{ text }}");
  assert.deepEqual(JSON.parse(files["tokenizer_config.json"]!), {
    model_max_length: 8,
    chat_template: "{{ text }}",
  });
});
