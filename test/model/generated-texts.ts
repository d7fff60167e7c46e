// Texts that a decoder generates, for tests, and a tokenizer with which texts are token ids.

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PromptTokens } from "../../src/evals/trie/prompt-groups.ts";
import { schedulePairs } from "../../src/evals/trie/schedule.ts";
import type { Decoder } from "../../src/model/decoder/runner.ts";

/** Texts of prompts, in their order. */
export async function texts(
  decoder: Decoder,
  prompts: readonly PromptTokens[],
  folder: string,
  slots?: number,
): Promise<string[]> {
  const { schedule, promptPlaces } = schedulePairs([], slots, prompts);
  const found: (readonly string[])[] = [];
  await decoder.runSchedule(
    { ...schedule, tokenizer: folder },
    {
      onBatch: (index, result) => {
        const generation = index - schedule.batches.length;
        if (generation >= 0) found[generation] = result.texts!;
      },
    },
  );
  return prompts.map((_, i) => found[promptPlaces.generations[i]!]![promptPlaces.texts[i]!]!);
}

/** A folder with a tokenizer of one character a token, so that a text is its token ids. */
export function characterTokenizer(size: number): string {
  const folder = mkdtempSync(join(tmpdir(), "tsmerge-characters-"));
  const vocab = Object.fromEntries(Array.from({ length: size }, (_, id) => [character(id), id]));
  const json = {
    model: { type: "BPE", vocab, merges: [] },
    ...{ normalizer: null, pre_tokenizer: null, post_processor: null, added_tokens: [] },
    decoder: { type: "Fuse" },
  };
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(json));
  writeFileSync(join(folder, "tokenizer_config.json"), "{}");
  return folder;
}

/** Ideographs: no tokenizer treats them specially. */
export const character = (id: number): string => String.fromCodePoint(0x4e00 + id);
