// Where a generated text ends, by lm-evaluation-harness's rules: at an end-of-text token, when a stop string
// stands in the new text (across tokens, or inside one), or after so many tokens. What follows the stop
// string's start is cut off.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { TsmergeError } from "../../base/errors.ts";
import { readJson } from "../../base/json.ts";
import type { StopRule } from "../batch.ts";
import { loadTokenizer, type Tokenizer } from "../tokenizer.ts";

const generationConfig = z.looseObject({
  eos_token_id: z.union([z.int(), z.array(z.int())]).nullish(),
});

/** What decides about the end, for one tokenizer. */
export interface Ending {
  readonly tokenizer: Pick<Tokenizer, "decode" | "eosId">;
  readonly endTokens: ReadonlySet<number>;
}

/**
 * The tokenizer of a folder and what ends a text: generation_config.json's `eos_token_id` (else config.json's)
 * and the tokenizer's own.
 * @param configured end tokens of config.json
 * @throws TsmergeError as loadTokenizer does; `incompatible` for a malformed generation_config.json
 */
export async function loadEnding(
  directory: string,
  configured: readonly number[],
): Promise<Ending> {
  const tokenizer = await loadTokenizer(directory);
  const file = join(directory, "generation_config.json");
  const parsed = generationConfig.safeParse(existsSync(file) ? await readJson(file) : {});
  if (!parsed.success) {
    throw new TsmergeError("incompatible", z.prettifyError(parsed.error).replaceAll("\n", "; "), {
      where: file,
      hint: "copy generation_config.json from the model's repository again, or remove it",
    });
  }
  const named = parsed.data.eos_token_id ?? configured;
  return { tokenizer, endTokens: new Set([named, tokenizer.eosId ?? []].flat()) };
}

/** The rule of one generation, ready to be asked after each token. */
export class TextEnd {
  readonly #ending: Ending;
  readonly #stops: readonly string[];
  readonly #maxTokens: number;
  /** Tokens that hold any stop string for sure: a token gives a byte at least, or is special. */
  readonly #window: number;

  constructor(ending: Ending, { until, maxTokens }: StopRule) {
    this.#ending = ending;
    const { tokenizer } = ending;
    const end = tokenizer.eosId === undefined ? [] : [tokenizer.eosId];
    const texts = [...until, tokenizer.decode(end, { specials: true })];
    this.#stops = texts.filter((stop) => stop !== "");
    this.#maxTokens = maxTokens;
    this.#window = 2 + Math.max(0, ...this.#stops.map((stop) => Buffer.byteLength(stop)));
  }

  /** True after the last token of a text. @param tokens all generated ones, the newest last */
  isReached(tokens: readonly number[]): boolean {
    if (tokens.length >= this.#maxTokens) return true;
    if (this.#ending.endTokens.has(tokens.at(-1)!)) return true;
    const newest = this.#ending.tokenizer.decode(tokens.slice(-this.#window), { specials: true });
    return this.#stops.some((stop) => newest.includes(stop));
  }

  /** The text of generated tokens: special tokens left out, then cut at each stop string in turn. */
  textOf(tokens: readonly number[]): string {
    const whole = this.#ending.tokenizer.decode(tokens, { specials: false });
    return this.#stops.reduce((text, stop) => text.split(stop, 1)[0]!, whole);
  }
}
