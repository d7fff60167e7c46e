// Every recipe in configs/recipes runs as its header says, and gives the weights that the header expects.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { mergeFile } from "../../src/run/merge/merge.ts";

const ROOT = join(import.meta.dirname, "../..");
const FOLDER = "configs/recipes";
const skip = existsSync(join(ROOT, "evals/demo/models")) ? false : "no demo models in evals/demo";
const out = mkdtempSync(join(tmpdir(), "tsmerge-configs-"));
after(() => rmSync(out, { recursive: true, force: true }));
process.chdir(ROOT); // recipes name models from the repository's root

async function merge(file: string) {
  const text = readFileSync(join(ROOT, file), "utf8");
  const seed = /--seed (\d+)/.exec(text)?.[1];
  const notes: string[] = [];
  const outDir = join(out, file.replaceAll("/", "-"));
  const { weightsSha256 } = await mergeFile(
    {
      file,
      outDir,
      seed: seed === undefined ? undefined : Number(seed),
      compat: false,
      shardSize: "5B",
      device: "cpu",
      force: false,
      modelCard: false,
      environment: {},
    },
    { onNote: (note) => notes.push(note) },
  );
  const json = (name: string) => JSON.parse(readFileSync(join(outDir, name), "utf8"));
  return { text, weightsSha256, notes, json };
}

for (const file of readdirSync(join(ROOT, FOLDER))) {
  test(`${file} gives what its header expects`, { skip }, async () => {
    const path = `${FOLDER}/${file}`;
    const { text, weightsSha256, notes } = await merge(path);
    const header = text.slice(0, text.indexOf("\n\n"));
    assert.match(header, new RegExp(`^#   npx tsmerge merge .*${path}`, "m"));
    assert.match(header, /Expect accuracy \.\d{3} on the 1,000 report questions/);
    assert.equal(/weights sha256 ([0-9a-f]{12})/.exec(header)?.[1], weightsSha256.slice(0, 12));
    // its gradient over the density reaches the final norm, at the other end than mergekit's
    const expected = file === "ties.yml" ? [/^1 tensor after the layers took the last number/] : [];
    if (file.startsWith("union")) return;
    assert.equal(notes.length, expected.length, notes.join("\n"));
    for (const [i, pattern] of expected.entries()) assert.match(notes[i]!, pattern);
  });
}

test("a parent that is no longer the recorded one is told", { skip }, async () => {
  const [math, code] = ["evals/demo/models/math", "evals/demo/models/code"];
  const file = join(out, "recorded.yml");
  const record = JSON.stringify({ seed: 1, parents: { [math]: "0".repeat(64) } });
  writeFileSync(
    file,
    `# tsmerge: ${record}\nmerge_method: slerp\nmodels: [${math}, ${code}]\nparameters: {t: 0.5}\n`,
  );
  const notes: string[] = [];
  const options = { file, outDir: join(out, "recorded"), seed: undefined, compat: false } as const;
  await mergeFile(
    { ...options, shardSize: "5B", device: "cpu", force: false, environment: {} },
    { onNote: (note) => notes.push(note) },
  );
  assert.match(
    notes.join("\n"),
    /math is not the model that the recipe was made with \(SHA-256 0{12}…/,
  );
  assert.doesNotMatch(notes.join("\n"), /code is not the model/);
});

test("a frankenmerge's configuration counts its layers", { skip }, async () => {
  rmSync(join(out, `${FOLDER}/frankenmerge.yml`.replaceAll("/", "-")), { recursive: true });
  const { json } = await merge(`${FOLDER}/frankenmerge.yml`);
  assert.equal(json("config.json").num_hidden_layers, 6);
});

test("the union's tokenizer, configuration and template agree", { skip }, async () => {
  rmSync(join(out, `${FOLDER}/union-tokenizer.yml`.replaceAll("/", "-")), { recursive: true });
  const { json } = await merge(`${FOLDER}/union-tokenizer.yml`);
  assert.equal(json("config.json").vocab_size, 576);
  const added: { id: number; content: string }[] = json("tokenizer.json").added_tokens;
  assert.deepEqual(
    added.map(({ id, content }) => [id, content]),
    [
      [0, "<|endoftext|>"],
      [512, "<|im_start|>"],
      [513, "<|im_end|>"],
    ],
  );
  assert.match(json("tokenizer_config.json").chat_template, /im_start/);
});
