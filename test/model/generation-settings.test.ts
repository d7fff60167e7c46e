// What generation_config.json says of greedy decoding shapes texts as in transformers: the goldens'
// generation-settings.json says what made them.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readModelConfig } from "../../src/model/config.ts";
import { createDecoder } from "../../src/model/decoder/runner.ts";
import { readGenerationConfig } from "../../src/model/generation-config.ts";
import { loadTokenizer } from "../../src/model/tokenizer.ts";
import { DEMO_MODELS } from "../evals/tokenizers.ts";
import { texts } from "./generated-texts.ts";
import { floatTensors } from "./plain-safetensors.ts";

interface Goldens {
  readonly prompts: readonly string[];
  readonly cases: readonly {
    readonly settings: object;
    readonly tokens: readonly (readonly number[])[];
  }[];
}

const GOLDENS: Goldens = JSON.parse(
  readFileSync(join(import.meta.dirname, "generation-settings.json"), "utf8"),
);
const BASE = join(DEMO_MODELS, "base");

const folder = mkdtempSync(join(tmpdir(), "tsmerge-settings-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function folderWith(settings: object): string {
  const own = mkdtempSync(join(folder, "model-"));
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
    cpSync(join(BASE, name), join(own, name));
  }
  writeFileSync(join(own, "generation_config.json"), JSON.stringify(settings));
  return own;
}

test("texts under a model's own settings are transformers', token by token", async () => {
  const decoder = await createDecoder(await readModelConfig(BASE), { device: "cpu", threads: 1 });
  await decoder.setWeights(floatTensors(join(BASE, "model.safetensors")));
  const tokenizer = await loadTokenizer(BASE);
  const encoded = GOLDENS.prompts.map((text) => tokenizer.encode(text, { specials: true }));
  for (const { settings, tokens } of GOLDENS.cases) {
    const prompts = encoded.map((ids) => ({
      tokens: Int32Array.from(ids),
      stop: { until: [], maxTokens: 32 },
    }));
    const expected = tokens.map((ids) => tokenizer.decode(ids, { specials: false }));
    const found = await texts(decoder, prompts, folderWith(settings));
    assert.deepEqual(found, expected, JSON.stringify(settings));
  }
  const [plain, penalised] = GOLDENS.cases;
  const [ids] = encoded;
  const own = { until: [], maxTokens: 32, shape: { repetitionPenalty: 1 } };
  assert.deepEqual(
    await texts(
      decoder,
      [{ tokens: Int32Array.from(ids!), stop: own }],
      folderWith(penalised!.settings),
    ),
    [tokenizer.decode(plain!.tokens[0]!, { specials: false })],
    "a task's own setting counts before the model's",
  );
  await decoder.close();
});

test("settings that another way of decoding would need are told of, neutral ones are not", async () => {
  const neutral = { num_beams: 1, do_sample: true, temperature: 0.6, top_p: 0.9, max_length: 4096 };
  assert.deepEqual((await readGenerationConfig(folderWith(neutral))).notApplied, []);
  const { notApplied } = await readGenerationConfig(
    folderWith({ num_beams: 4, bad_words_ids: [[3]], forced_eos_token_id: null }),
  );
  assert.match(
    notApplied[0]!,
    /num_beams is 4, which is not applied: texts are generated greedily/,
  );
  assert.match(notApplied[1]!, /bad_words_ids is \[\[3\]\]/);
  assert.equal(notApplied.length, 2);
});

test("settings of a wrong type name their file", async () => {
  const broken = folderWith({ repetition_penalty: "1.1" });
  await assert.rejects(readGenerationConfig(broken), {
    code: "incompatible",
    where: join(broken, "generation_config.json"),
  });
});
