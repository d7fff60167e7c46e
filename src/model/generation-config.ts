// What a model's generation_config.json says about the choice of tokens: transformers' generate applies it by
// default, and lm-evaluation-harness with it. Sampling is not here: texts are greedy. What only another way of
// decoding could apply is told in sentences, never dropped.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { TsmergeError } from "../base/errors.ts";
import { readJson } from "../base/json.ts";
import { schemaProblems } from "../base/schema-problem.ts";

/** What changes which token is chosen; absent members change nothing. */
export interface TextShape {
  /** Logits of tokens that stand in the text already are divided by it, or multiplied where negative. */
  readonly repetitionPenalty?: number | undefined;
  /** No run of so many tokens stands in the text twice. */
  readonly noRepeatNgramSize?: number | undefined;
  /** Tokens, with the prompt's and without, before the text may end. */
  readonly minLength?: number | undefined;
  readonly minNewTokens?: number | undefined;
  /** Tokens that are never chosen, and that are not chosen first. */
  readonly suppressTokens?: readonly number[] | undefined;
  readonly beginSuppressTokens?: readonly number[] | undefined;
}

export interface GenerationConfig {
  /** What ends a text; undefined where the file does not say. */
  readonly endTokens: readonly number[] | undefined;
  readonly shape: TextShape;
  /** A sentence for each setting that is not applied here. */
  readonly notApplied: readonly string[];
}

const count = z.int().min(0).nullish();
const tokens = z.array(z.int().min(0)).nullish();

/** transformers' names of what makes a shape. */
const shapeFields = {
  repetition_penalty: z.number().positive().nullish(),
  no_repeat_ngram_size: count,
  min_length: count,
  min_new_tokens: count,
  suppress_tokens: tokens,
  begin_suppress_tokens: tokens,
};

/** Those names. */
export const SHAPE_KEYS: readonly string[] = Object.keys(shapeFields);

const shapeSchema = z.object(shapeFields);
const schema = z.looseObject({
  ...shapeFields,
  eos_token_id: z.union([z.int(), z.array(z.int())]).nullish(),
});

/** Settings that would change greedy texts and are not applied, with the values that mean nothing. */
const NOT_APPLIED: Readonly<Record<string, readonly unknown[]>> = {
  num_beams: [1],
  bad_words_ids: [],
  diversity_penalty: [0],
  encoder_repetition_penalty: [1],
  exponential_decay_length_penalty: [],
  forced_bos_token_id: [],
  forced_eos_token_id: [],
  guidance_scale: [1],
  max_new_tokens: [],
  max_time: [],
  penalty_alpha: [0],
  sequence_bias: [],
  stop_strings: [],
  watermarking_config: [],
};

/**
 * The generation_config.json of a model folder; without one nothing is set.
 * @throws TsmergeError `incompatible` for a malformed file
 */
export async function readGenerationConfig(directory: string): Promise<GenerationConfig> {
  const file = join(directory, "generation_config.json");
  const parsed = schema.safeParse(existsSync(file) ? await readJson(file) : {});
  if (!parsed.success) {
    throw new TsmergeError("incompatible", schemaProblems(parsed.error), {
      where: file,
      hint: "copy generation_config.json from the model's repository again, or remove it",
    });
  }
  const { eos_token_id: ends, ...settings } = parsed.data;
  const ignored = Object.entries(NOT_APPLIED).filter(
    ([key, neutral]) => settings[key] != null && !neutral.includes(settings[key]),
  );
  return {
    endTokens: ends == null ? undefined : [ends].flat(),
    shape: textShapeOf(settings),
    notApplied: ignored.map(
      ([key]) =>
        `generation_config.json: ${key} is ${JSON.stringify(settings[key])}, which is not applied: texts are generated greedily`,
    ),
  };
}

/**
 * A shape by transformers' names; other members are not looked at.
 * @throws z.ZodError for values of the wrong type
 */
export function textShapeOf(settings: unknown): TextShape {
  const { repetition_penalty, no_repeat_ngram_size, min_length, min_new_tokens, ...lists } =
    shapeSchema.parse(settings);
  const shape = {
    ...{ repetitionPenalty: repetition_penalty, noRepeatNgramSize: no_repeat_ngram_size },
    ...{ minLength: min_length, minNewTokens: min_new_tokens },
    ...{
      suppressTokens: lists.suppress_tokens,
      beginSuppressTokens: lists.begin_suppress_tokens,
    },
  };
  return Object.fromEntries(Object.entries(shape).filter(([, value]) => value != null));
}

/** Whether a shape changes no choice. */
export function isNeutral(shape: TextShape): boolean {
  const { repetitionPenalty = 1, noRepeatNgramSize = 0, minLength = 0, minNewTokens = 0 } = shape;
  const { suppressTokens = [], beginSuppressTokens = [] } = shape;
  const numbers = [repetitionPenalty - 1, noRepeatNgramSize, minLength, minNewTokens];
  const lists = [suppressTokens, beginSuppressTokens];
  return numbers.every((value) => value === 0) && lists.every((list) => list.length === 0);
}
