// How questions are asked besides their task files' wording: an instruction before them, and conversations in a
// model's own template. The same for an evaluation and a search.

import type { AskingStyle, PromptStyle } from "../evals/tasks/prompt.ts";
import { loadChatTemplate } from "../model/chat-template.ts";

/**
 * @param directory of the model whose tokenizer encodes the prompts
 * @throws TsmergeError as loadChatTemplate
 */
export async function promptStyle(
  directory: string,
  { systemInstruction, chat }: AskingStyle,
): Promise<PromptStyle> {
  if (chat === undefined || chat === false) return { systemInstruction };
  const { source, render } = await loadChatTemplate(directory, chat.template);
  return {
    systemInstruction,
    chat: { template: source, render, isMultiturn: chat.isMultiturn },
  };
}
