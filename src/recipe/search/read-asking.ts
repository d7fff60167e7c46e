// How a search file has its questions asked, in lm-evaluation-harness's words: in conversations, after an instruction.

import { z } from "zod";
import type { AskingStyle } from "../../evals/tasks/prompt.ts";
import { complain, type Entry, type YamlFile } from "../yaml/yaml-file.ts";

/** Members of a search file. */
export const ASKING = {
  system_instruction: z.string().optional(),
  apply_chat_template: z.union([z.boolean(), z.string().min(1)]).optional(),
  fewshot_as_multiturn: z.boolean().optional(),
};

type Asking = z.infer<z.ZodObject<typeof ASKING>>;

/** Turns belong to a conversation. */
export function checkAsking(file: YamlFile, members: readonly Entry[], asking: Asking): void {
  if (asking.fewshot_as_multiturn !== true || isChat(asking)) return;
  const member = members.find(({ key }) => key === "fewshot_as_multiturn");
  complain(
    file,
    member?.keyNode,
    "fewshot_as_multiturn needs a conversation",
    "add apply_chat_template: true",
  );
}

/** A conversation has its worked examples as turns, unless told otherwise. */
export function askingStyle(asking: Asking): AskingStyle {
  const { system_instruction, apply_chat_template: template, fewshot_as_multiturn } = asking;
  const isMultiturn = fewshot_as_multiturn ?? true;
  const named = typeof template === "string" ? { template } : {};
  return {
    ...(system_instruction === undefined ? {} : { systemInstruction: system_instruction }),
    ...(isChat(asking) ? { chat: { isMultiturn, ...named } } : {}),
  };
}

function isChat({ apply_chat_template: template }: Asking): boolean {
  return template !== undefined && template !== false;
}
