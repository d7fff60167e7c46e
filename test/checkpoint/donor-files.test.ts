// Tokenizer and generation files travel from the donor; weights and config.json do not.

import assert from "node:assert/strict";
import { chmodSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { copyFiles, GENERATION_FILES, TOKENIZER_FILES } from "../../src/checkpoint/donor-files.ts";
import { folderWith, temporaryFolder } from "./folders.ts";

const NAMES = [...TOKENIZER_FILES, ...GENERATION_FILES];

test("what the donor has of the known files is copied, byte for byte", async (t) => {
  const donor = folderWith(t, {
    "tokenizer.json": '{"model": "ñ"}',
    "vocab.txt": "[PAD]",
    "spiece.model": "",
    "generation_config.json": "{}",
    "model.safetensors": "weights",
    "notes.txt": "private",
  });
  chmodSync(join(donor, "tokenizer.json"), 0o444); // as a cache keeps its files
  const output = temporaryFolder(t);
  const expected = ["tokenizer.json", "vocab.txt", "spiece.model", "generation_config.json"];
  assert.deepEqual(await copyFiles(donor, output, NAMES), expected);
  assert.deepEqual(await copyFiles(donor, output, NAMES), expected); // over itself too
  assert.deepEqual(readdirSync(output).sort(), [...expected].sort());
  assert.equal(readFileSync(join(output, "tokenizer.json"), "utf8"), '{"model": "ñ"}');
});

test("a donor or an output that is not there is named", async (t) => {
  const donor = folderWith(t, { "tokenizer.json": "{}" });
  await assert.rejects(copyFiles(join(donor, "absent"), donor, NAMES), /^.*cannot read .*absent/);
  await assert.rejects(copyFiles(donor, join(donor, "absent"), NAMES), { code: "io" });
});
