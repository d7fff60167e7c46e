// lm-eval's --model_args: `pretrained=org/name,dtype=float32`, or the same as a JSON object. Each key is honoured,
// answered with a note, or refused with a sentence; none is dropped.

import type { FloatType } from "../base/dtype.ts";
import { parseFloatType } from "../base/dtype.ts";
import { TsmergeError } from "../base/errors.ts";
import { didYouMean } from "../base/suggest.ts";

/** What the keys that are honoured say. */
export interface ModelArgs {
  /** The model, its revision and its adapter in one reference; undefined when none is named. */
  readonly reference: string | undefined;
  /** What lm-eval calls the model: the adapter if there is one. */
  readonly name: string | undefined;
  /** Undefined: as the weights are stored. */
  readonly dtype: FloatType | undefined;
  readonly addsBos: boolean | undefined;
  readonly maxLength: number | undefined;
  readonly notes: readonly string[];
  /** As they were written. */
  readonly given: Readonly<Record<string, unknown>>;
}

const HONOURED = ["pretrained", "revision", "peft", "dtype", "add_bos_token", "max_length"];

const ELSEWHERE = "--device says where to compute";
const ALWAYS_SO = "weights are read tile by tile and scored in batches of one size";

/** Keys that change no score, with what is said about them. */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  device: ELSEWHERE,
  device_map_option: ELSEWHERE,
  parallelize: ELSEWHERE,
  max_memory_per_gpu: ELSEWHERE,
  max_cpu_memory: ELSEWHERE,
  offload_folder: ELSEWHERE,
  batch_size: ALWAYS_SO,
  max_batch_size: ALWAYS_SO,
  low_cpu_mem_usage: ALWAYS_SO,
  logits_cache: "what prompts share is computed once always",
  trust_remote_code: "no code of a model is ever run",
  use_fast_tokenizer: "there is one tokenizer, from tokenizer.json",
  attn_implementation: "there is one implementation",
  backend: "the model's architecture says what it is",
  softmax_dtype: "log-probabilities are float32 always",
};

/** Keys that would change scores in a way that is not here, with the reason. */
const REFUSED: Readonly<Record<string, string>> = {
  load_in_8bit: "quantized weights cannot be scored",
  load_in_4bit: "quantized weights cannot be scored",
  autogptq: "quantized weights cannot be scored",
  gguf_file: "weights are read from safetensors or .bin files",
  delta: "add the difference with tsmerge merge first (merge_method: task_arithmetic)",
  tokenizer: "a model is scored with its own tokenizer",
  subfolder: "name the folder itself as pretrained",
  prefix_token_id: "an empty prompt starts from BOS, or from EOS without one",
  truncation: "prompts that are too long lose their left end",
  think_end_token: "reasoning is not cut out of generated texts",
  enable_thinking: "chat templates are rendered with their defaults",
};

/**
 * Reads all that was given, the later of equal keys first.
 * @throws TsmergeError `usage` for a key that is not known, is refused or has a value that means nothing
 */
export function parseModelArgs(texts: readonly string[]): ModelArgs {
  const given: Record<string, unknown> = {};
  for (const text of texts) Object.assign(given, parse(text));
  const notes: string[] = [];
  for (const [key, value] of Object.entries(given)) {
    if (HONOURED.includes(key)) continue;
    const reason = WITHOUT_EFFECT[key];
    if (reason !== undefined) notes.push(`--model_args ${key} is not needed: ${reason}`);
    else if (REFUSED[key] === undefined) throw unknownKey(key);
    else if (value !== false && value !== null) {
      throw new TsmergeError("usage", `--model_args ${key}=${String(value)}: ${REFUSED[key]}`, {
        hint: `leave ${key} out`,
      });
    }
  }
  const { pretrained, revision, peft } = given;
  const pinned = revision === undefined || revision === "main" ? "" : `@${String(revision)}`;
  const adapter = peft === undefined ? "" : `+${String(peft)}`;
  return {
    reference: pretrained === undefined ? undefined : String(pretrained) + pinned + adapter,
    name: pretrained === undefined ? undefined : String(peft ?? pretrained),
    dtype: dtypeOf(given.dtype),
    addsBos: booleanOf("add_bos_token", given.add_bos_token),
    maxLength: lengthOf(given.max_length),
    notes,
    given,
  };
}

/** `a=1,b=two` or JSON. */
function parse(text: string): Record<string, unknown> {
  if (text.trimStart().startsWith("{")) {
    try {
      return JSON.parse(text) as Record<string, unknown>; // begins with a brace: an object
    } catch (cause) {
      throw new TsmergeError("usage", `--model_args ${text} is not JSON`, {
        hint: 'write it as \'{"pretrained": "org/name"}\' or as pretrained=org/name',
        cause,
      });
    }
  }
  const parts = text.split(",").filter((part) => part.trim() !== "");
  return Object.fromEntries(
    parts.map((part) => {
      const equals = part.indexOf("=");
      if (equals > 0)
        return [part.slice(0, equals).trim(), typedValue(part.slice(equals + 1).trim())];
      throw new TsmergeError("usage", `--model_args ${part} has no value`, {
        hint: "write key=value, pairs separated by commas",
      });
    }),
  );
}

/** A value of `key=value` as lm-eval reads it: true, false, a number, or text. */
export function typedValue(text: string): unknown {
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === "true";
  if (text.toLowerCase() === "none") return null;
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

function unknownKey(key: string): TsmergeError {
  const known = [...HONOURED, ...Object.keys(WITHOUT_EFFECT), ...Object.keys(REFUSED)];
  return new TsmergeError("usage", `--model_args ${key} is not known${didYouMean(key, known)}`, {
    hint: `what is honoured: ${HONOURED.join(", ")}`,
  });
}

/** Names of types as --dtype and `dtype=` take them. */
export function dtypeOf(value: unknown): FloatType | undefined {
  if (value === undefined || value === null || value === "auto") return undefined;
  const type = parseFloatType(String(value).replace(/^torch\./, ""));
  if (type !== undefined) return type;
  throw new TsmergeError("usage", `dtype is ${JSON.stringify(value)}`, {
    hint: "it can be auto, float32, float16 or bfloat16; --dtype int8 screens",
  });
}

function booleanOf(key: string, value: unknown): boolean | undefined {
  if (value === undefined || value === null || typeof value === "boolean")
    return value ?? undefined;
  throw new TsmergeError("usage", `--model_args ${key} is ${JSON.stringify(value)}`, {
    hint: `write ${key}=True or ${key}=False`,
  });
}

function lengthOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= 2) return value;
  throw new TsmergeError("usage", `--model_args max_length is ${JSON.stringify(value)}`, {
    hint: "write a whole number of positions, at least 2",
  });
}
