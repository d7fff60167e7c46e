// Where a generated text ends, by lm-evaluation-harness's rules: at an end-of-text token, when a stop string
// stands in the new text (across tokens, or inside one), or after so many tokens. What follows the stop
// string's start is cut off.

import type { StopRule } from "../batch.ts";
import { readGenerationConfig, type TextShape } from "../generation-config.ts";
import { loadTokenizer, type Tokenizer } from "../tokenizer.ts";

/** What decides about the end, and the choice of tokens before it, for one model folder. */
export interface Ending {
  readonly tokenizer: Pick<Tokenizer, "decode" | "eosId">;
  readonly endTokens: ReadonlySet<number>;
  /** Those of them that generation_config.json names, else config.json: what a least length forbids. */
  readonly configured: readonly number[];
  readonly shape: TextShape;
}

/**
 * The tokenizer of a folder and what ends a text: generation_config.json's `eos_token_id` (else config.json's)
 * and the tokenizer's own.
 * @param configured end tokens of config.json
 * @throws TsmergeError as loadTokenizer and readGenerationConfig do
 */
export async function loadEnding(
  directory: string,
  configured: readonly number[],
): Promise<Ending> {
  const tokenizer = await loadTokenizer(directory);
  const { endTokens = configured, shape } = await readGenerationConfig(directory);
  return {
    ...{ tokenizer, shape, configured: endTokens },
    endTokens: new Set([...endTokens, tokenizer.eosId ?? []].flat()),
  };
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
