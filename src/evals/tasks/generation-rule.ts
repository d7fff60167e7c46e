// generation_kwargs of a task file: where a generated text stops, and what shapes it in place of the model's own
// settings. Decoding is greedy; settings that would make it anything else are refused, since a score under other
// settings would be another score.

import { z } from "zod";
import { TsmergeError } from "../../base/errors.ts";
import { didYouMean } from "../../base/suggest.ts";
import type { StopRule } from "../../model/batch.ts";
import { SHAPE_KEYS, type TextShape, textShapeOf } from "../../model/generation-config.ts";

/** lm-evaluation-harness's default where a task says nothing. */
const MAX_TOKENS = 256;

/** Its names of one setting; the first of several counts. */
const MAX_TOKENS_KEYS = ["max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens"];

/** Without meaning when the most probable token is taken. */
const ONLY_WHEN_SAMPLING = ["temperature", "top_p", "top_k", "min_p", "typical_p"];

/** Keys with one value that greedy decoding has. */
const FIXED: Readonly<Record<string, unknown>> = {
  do_sample: false,
  num_beams: 1,
};

type Options = Readonly<Record<string, unknown>>;

/**
 * The rule of a task's options.
 * @param file the task file, for errors
 * @throws TsmergeError `config` naming the key and its value
 */
export function stopRuleOf(options: Options, file: string): StopRule {
  const refuse = (message: string, hint: string): never => {
    throw new TsmergeError("config", `field generation_kwargs: ${message}`, { where: file, hint });
  };
  const known = [
    ...["until", ...MAX_TOKENS_KEYS, ...ONLY_WHEN_SAMPLING],
    ...[...Object.keys(FIXED), ...SHAPE_KEYS],
  ];
  for (const [key, value] of Object.entries(options)) {
    if (!known.includes(key)) {
      refuse(`${key} is not known${didYouMean(key, known)}`, `known are ${known.join(", ")}`);
    }
    if (key in FIXED && value !== FIXED[key] && value !== null) {
      refuse(
        `${key} is ${JSON.stringify(value)}, and texts are generated greedily`,
        "remove it, or choose a task that decodes greedily",
      );
    }
  }
  const { temperature, do_sample: samples } = options;
  if (Number(temperature ?? 0) > 0 && samples !== false) {
    refuse(
      `temperature is ${temperature}, and texts are generated greedily`,
      "set do_sample: false, or choose a task that decodes greedily",
    );
  }
  const asked = MAX_TOKENS_KEYS.map((key) => options[key]).find((value) => value != null);
  const maxTokens = Number(asked ?? MAX_TOKENS);
  if (!Number.isInteger(maxTokens) || maxTokens < 1) {
    refuse(`max_gen_toks is ${JSON.stringify(asked)}`, "it is a whole number from 1 up");
  }
  const until = [options.until ?? []].flat();
  if (!until.every((stop) => typeof stop === "string")) {
    refuse(`until is ${JSON.stringify(options.until)}`, "it is a text or a list of texts");
  }
  const shape = shapeOf(options, (key, value) =>
    refuse(`${key} is ${JSON.stringify(value)}`, "it has the values of transformers' generate"),
  );
  return { until: until.map(String), maxTokens, ...(shape && { shape }) };
}

/** The shape that the options give; undefined for none. */
function shapeOf(
  options: Options,
  refuse: (key: string, value: unknown) => never,
): TextShape | undefined {
  try {
    const shape = textShapeOf(options);
    return Object.keys(shape).length === 0 ? undefined : shape;
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const key = String(error.issues[0]?.path[0]);
    return refuse(key, options[key]);
  }
}
