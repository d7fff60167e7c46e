// A question behind its description and worked examples: as plain text, or as a conversation in the model's own
// format, by lm-evaluation-harness's rules for both.

import { TsmergeError } from "../../base/errors.ts";
import type { Row } from "../datasets/records.ts";
import { delimited } from "../python/text.ts";
import { type DocumentTask, renderShot, shotOf } from "./document-task.ts";

/** How prompts are written. */
export interface PromptStyle {
  /** Said before a task's own description. */
  readonly systemInstruction?: string | undefined;
  /** Prompts are conversations. */
  readonly chat?: Chat | undefined;
}

export interface Chat {
  /** A conversation as text, with the opening of the assistant's next turn. */
  readonly render: (messages: readonly Message[]) => string;
  /** Worked examples are turns of their own; otherwise they stand before the question in its turn. */
  readonly isMultiturn: boolean;
  /** The template's text: part of what makes scores comparable. */
  readonly template: string;
}

interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** The prompt of a question, given as its text. */
export type Prompt = (question: string) => string;

/**
 * Makes the prompts of a task's documents.
 * @returns a document and its worked examples to its prompt
 */
export function prompter(
  task: DocumentTask,
  { systemInstruction = "", chat }: PromptStyle,
): (row: Row, examples: readonly Row[]) => Prompt {
  const { reader } = task.shots;
  const texts = new Map<Row, string>();
  const textOf = (row: Row): string => {
    const text = texts.get(row) ?? renderShot(reader, row);
    texts.set(row, text);
    return text;
  };
  const systemOf = (row: Row): string =>
    delimited(systemInstruction, task.description(row), task.reader.fewshotDelimiter);
  if (chat === undefined) {
    return (row, examples) => {
      const preamble = systemOf(row) + examples.map(textOf).join("");
      return (question) => preamble + question;
    };
  }
  if (
    task.config.gen_prefix !== undefined ||
    task.config.fewshot_config?.gen_prefix !== undefined
  ) {
    throw new TsmergeError("config", "field gen_prefix is not supported in conversations", {
      where: task.config.file,
      hint: "leave --apply_chat_template out, or choose another task",
    });
  }
  return (row, examples) => {
    const content = systemOf(row);
    const system: Message[] = content === "" ? [] : [{ role: "system", content }];
    const turns = chat.isMultiturn ? examples.flatMap((each) => turnsOf(task, each)) : [];
    const before = chat.isMultiturn ? "" : examples.map(textOf).join("");
    return (question) =>
      chat.render([...system, ...turns, { role: "user", content: before + question }]);
  };
}

/** A worked example as a question and its answer. */
function turnsOf({ shots }: DocumentTask, row: Row): Message[] {
  const { question, answer } = shotOf(shots.reader, row);
  const asked: Message = { role: "user", content: question };
  return answer === "" ? [asked] : [asked, { role: "assistant", content: answer }];
}
