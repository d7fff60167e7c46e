// lm_eval's flags for how questions are asked, as `tsmerge eval` and `tsmerge-evolve` take them.

import { TsmergeError } from "../base/errors.ts";
import type { AskingStyle } from "../evals/tasks/prompt.ts";

/** As commander names them. */
export interface AskingFlags {
  readonly systemInstruction?: string;
  /** True without a name. */
  readonly applyChatTemplate?: string | true;
  readonly fewshotAsMultiturn?: string | true;
}

/**
 * What the flags ask for; undefined members where they say nothing. A conversation has its worked examples as turns,
 * as lm-eval's has, unless told otherwise.
 * @throws TsmergeError `usage` for turns without a conversation, or neither true nor false
 */
export function askingStyle(flags: AskingFlags): AskingStyle {
  return { systemInstruction: flags.systemInstruction, chat: chatOf(flags) };
}

function chatOf({ applyChatTemplate, fewshotAsMultiturn }: AskingFlags): AskingStyle["chat"] {
  const isMultiturn = fewshotAsMultiturn === undefined || isYes(fewshotAsMultiturn);
  const word = typeof applyChatTemplate === "string" ? applyChatTemplate.toLowerCase() : "true";
  if (applyChatTemplate === undefined || word === "false") {
    if (fewshotAsMultiturn === undefined || !isMultiturn)
      return applyChatTemplate === undefined ? undefined : false;
    throw new TsmergeError("usage", "--fewshot_as_multiturn needs a conversation", {
      hint: "add --apply_chat_template",
    });
  }
  return { isMultiturn, ...(word === "true" ? {} : { template: String(applyChatTemplate) }) };
}

function isYes(value: string | true): boolean {
  if (value === true || /^(true|1|yes)$/i.test(value)) return true;
  if (/^(false|0|no)$/i.test(value)) return false;
  throw new TsmergeError("usage", `--fewshot_as_multiturn ${value} is neither true nor false`, {
    hint: "write --fewshot_as_multiturn false, or leave it out",
  });
}
