// A question behind its description and worked examples: as plain text, or as a conversation in the model's own
// format, by lm-evaluation-harness's rules for both.

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

/** How a user wants to be asked for: the template itself is the model's. */
export interface AskingStyle {
  /** Said before each task's own description. */
  readonly systemInstruction?: string | undefined;
  /** Conversations in the model's own template, or that of its templates which is named; false: plain text. */
  readonly chat?:
    | false
    | { readonly template?: string | undefined; readonly isMultiturn: boolean }
    | undefined;
}

export interface Chat {
  /** A conversation as text up to the assistant's next words: in a turn of its own, or in the last one if that is its. */
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

/**
 * The prompt of a question: its text, what its answer begins with (empty for nothing), and what stands between
 * the two in plain text where neither has white space.
 */
export type Prompt = (question: string, prefix: string, delimiter: string) => string;

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
      return (question, prefix, delimiter) => preamble + delimited(question, prefix, delimiter);
    };
  }
  return (row, examples) => {
    const content = systemOf(row);
    const system: Message[] = content === "" ? [] : [{ role: "system", content }];
    const turns = chat.isMultiturn ? examples.flatMap((each) => turnsOf(task, each)) : [];
    const before = chat.isMultiturn ? "" : examples.map(textOf).join("");
    return (question, prefix) =>
      chat.render([...system, ...turns, ...turnOf(before + question, prefix)]);
  };
}

/** A worked example as a question and its answer. */
function turnsOf({ shots }: DocumentTask, row: Row): Message[] {
  const { question, prefix, answer = "" } = shotOf(shots.reader, row);
  return turnOf(question, delimited(prefix, answer, " "));
}

/** A question, and an answer or its beginning if there is one. */
function turnOf(question: string, answer: string): Message[] {
  const asked: Message = { role: "user", content: question };
  return answer === "" ? [asked] : [asked, { role: "assistant", content: answer }];
}
