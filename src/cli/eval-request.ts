// The flags of `tsmerge eval` turned into what evaluateModel takes: lm-eval's meanings, and where ours differ a
// note that says so.

import { TsmergeError } from "../base/errors.ts";
import type { EvaluateOptions } from "../run/eval/evaluate.ts";
import { type AskingFlags, askingStyle } from "./asking-style.ts";
import { checkBackend } from "./lm-eval-flags.ts";
import { dtypeOf, type ModelArgs, parseModelArgs, typedValue } from "./model-args.ts";

/** The command line's options, as commander names them. */
export interface EvalFlags extends AskingFlags {
  readonly model?: string;
  readonly modelArgs?: string[];
  readonly task?: string[];
  readonly data?: string;
  readonly includePath?: string[];
  readonly split: "val" | "test";
  readonly numFewshot?: number;
  readonly limit?: number;
  readonly limitFirst?: number;
  readonly samples?: string;
  readonly seed?: string;
  readonly dtype?: string;
  readonly device: EvaluateOptions["device"];
  readonly store?: string;
  readonly output?: string;
  readonly logSamples?: boolean;
  readonly predictOnly?: boolean;
  readonly writeOut?: boolean;
  readonly showConfig?: boolean;
  readonly stats?: boolean;
  readonly genKwargs?: string[];
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** What the flags ask for, before anything was looked up. */
export interface EvalRequest {
  /** As the model is resolved, and as the files call it. */
  readonly reference: string;
  readonly modelName: string;
  readonly modelArgs: ModelArgs;
  readonly tasks: readonly string[];
  readonly options: Omit<EvaluateOptions, "store">;
  readonly notes: readonly string[];
}

/** lm-eval's: the seed of Python's random, which draws nothing here but --limit's items, and that of worked examples. */
const SEEDS = { limit: 0, fewshot: 1234 };

/** @throws TsmergeError `usage` for flags that contradict each other or say nothing */
export function evalRequest(positional: string | undefined, flags: EvalFlags): EvalRequest {
  checkBackend(flags.model);
  const modelArgs = parseModelArgs(flags.modelArgs ?? []);
  const reference = modelOf(positional, modelArgs);
  const { limit, limitFirst, logSamples, predictOnly, output } = flags;
  if ((logSamples === true || predictOnly === true) && output === undefined) {
    const flag = logSamples === true ? "--log_samples" : "--predict_only";
    throw new TsmergeError("usage", `${flag} needs a place for its files`, {
      hint: "add --output_path DIR",
    });
  }
  const chosen = samplesOf(flags.samples);
  if (chosen !== undefined && (limit ?? limitFirst) !== undefined) {
    throw new TsmergeError("usage", "--samples names the items, and a limit would choose others", {
      hint: "leave one of them out",
    });
  }
  const seeds = flags.seed === undefined ? SEEDS : seedsOf(flags.seed);
  return {
    reference,
    modelName: positional ?? modelArgs.name ?? reference,
    modelArgs,
    tasks: tasksOf(flags.task),
    options: {
      ...{ split: flags.split, dataDir: flags.data, includePaths: flags.includePath },
      ...{ fewshot: flags.numFewshot, limit, limitFirst, samples: chosen },
      ...{ seed: seeds.limit, fewshotSeed: seeds.fewshot },
      dtype: flags.dtype === "int8" ? "int8" : (dtypeOf(flags.dtype) ?? modelArgs.dtype),
      addsBos: modelArgs.addsBos,
      maxLength: modelArgs.maxLength,
      genKwargs: flags.genKwargs === undefined ? undefined : keyValues(flags.genKwargs),
      ...askingStyle(flags),
      device: flags.device,
    },
    notes: [...modelArgs.notes, ...limitNotes(limit, seeds.limit)],
  };
}

function modelOf(positional: string | undefined, { reference }: ModelArgs): string {
  if (positional !== undefined && reference !== undefined && positional !== reference) {
    throw new TsmergeError("usage", `two models are named: ${positional} and ${reference}`, {
      hint: "name the model once, as the first word or as --model_args pretrained=…; tasks are separated by commas",
    });
  }
  const named = positional ?? reference;
  if (named !== undefined) return named;
  throw new TsmergeError("usage", "no model is named", {
    hint: "tsmerge eval MODEL --tasks a,b, or --model_args pretrained=MODEL",
  });
}

function tasksOf(names: readonly string[] | undefined): readonly string[] {
  if (names === undefined || names.length === 0) {
    throw new TsmergeError("usage", "no task is named", {
      hint: "add --tasks demo; `tsmerge ls tasks` lists them",
    });
  }
  if (!/^list(_groups|_subtasks|_tags)?$/.test(names[0]!)) return [...new Set(names)];
  throw new TsmergeError("usage", `--tasks ${names[0]} is lm-eval's way to list tasks`, {
    hint: "tsmerge ls tasks",
  });
}

/** One number sets both; of four, Python's is the first and that of worked examples the last. */
function seedsOf(text: string): typeof SEEDS {
  const parts = text.split(",").map((part) => part.trim().toLowerCase());
  const numbers = parts.map((part) => (part === "none" ? undefined : Number(part)));
  const isSeed = (n: number | undefined): boolean =>
    n === undefined || (Number.isSafeInteger(n) && n >= 0);
  if (parts.length > 4 || parts.includes("") || !numbers.every(isSeed)) {
    throw new TsmergeError("usage", `--seed ${text} is no seed`, {
      hint: "give one whole number, or lm-eval's four: 0,1234,1234,1234",
    });
  }
  const fewshot = parts.length === 1 ? numbers[0] : numbers[3];
  return { limit: numbers[0] ?? SEEDS.limit, fewshot: fewshot ?? SEEDS.fewshot };
}

function limitNotes(limit: number | undefined, seed: number): string[] {
  if (limit === undefined) return [];
  const what = limit < 1 ? `a share of ${limit} of all items` : `${limit} items in all`;
  return [
    `--limit takes ${what}, drawn by seed ${seed} from every task; lm-eval's, the first of each task, is --limit-first`,
  ];
}

/** `{"task": [0, 1]}` */
function samplesOf(text: string | undefined): EvaluateOptions["samples"] {
  if (text === undefined) return undefined;
  const hint = `write it as '{"arc_easy": [0, 1, 2]}'`;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new TsmergeError("usage", `--samples ${text} is not JSON`, { hint, cause });
  }
  const isList = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((index) => Number.isSafeInteger(index) && index >= 0);
  if (typeof value === "object" && value !== null && Object.values(value).every(isList)) {
    return value as Record<string, number[]>; // checked on the line above
  }
  throw new TsmergeError("usage", `--samples ${text} is no list of indices for each task`, {
    hint,
  });
}

/** `key=value` pairs, or a JSON object; later words replace earlier ones. */
function keyValues(words: readonly string[]): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const word of words) {
    if (word.trimStart().startsWith("{")) {
      try {
        Object.assign(found, JSON.parse(word));
        continue;
      } catch (cause) {
        const hint = 'write it as \'{"until": ["\\n"]}\' or as max_gen_toks=64';
        throw new TsmergeError("usage", `--gen_kwargs ${word} is not JSON`, { hint, cause });
      }
    }
    // a comma inside brackets belongs to a list
    for (const part of word.split(/,(?![^[]*\])/)) {
      const equals = part.indexOf("=");
      if (equals <= 0) {
        throw new TsmergeError("usage", `--gen_kwargs ${part} has no value`, {
          hint: "write key=value, pairs separated by commas",
        });
      }
      const text = part.slice(equals + 1).trim();
      found[part.slice(0, equals).trim()] = text.startsWith("[") ? listIn(text) : typedValue(text);
    }
  }
  return found;
}

function listIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TsmergeError("usage", `--gen_kwargs: ${text} is no list`, {
      hint: 'quote texts with double quotes: until=["\\n"]',
      cause,
    });
  }
}
