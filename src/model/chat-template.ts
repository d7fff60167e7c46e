// A model's chat template, rendered: a conversation as the text that the model was trained on. Not the templates
// that a merge writes (src/merge/chat-template.ts), and not the conversation, which src/evals makes.

import { join } from "node:path";
import { Template } from "@huggingface/jinja";
import { TsmergeError } from "../base/errors.ts";
import { didYouMean } from "../base/suggest.ts";
import { type StoredTemplates, storedTemplates, usualTemplate } from "./stored-template.ts";

export interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

export interface ChatTemplate {
  /** Its Jinja text. */
  readonly source: string;
  /**
   * The conversation up to the assistant's next words: the opening of its next turn, or its last message without
   * the end. A template that refuses a system message gets the conversation without it.
   * @throws TsmergeError `incompatible` for a conversation that the template refuses
   */
  readonly render: (messages: readonly Message[]) => string;
}

/**
 * The template of a model folder: chat_template.jinja, or that of tokenizer_config.json.
 * @param name one of several templates; the one called `default`, or the only one, when absent
 * @throws TsmergeError `incompatible` without a template or one that does not parse, `usage` for an unknown name
 */
export async function loadChatTemplate(directory: string, name?: string): Promise<ChatTemplate> {
  const where = join(directory, "tokenizer_config.json");
  const stored = await storedTemplates(directory);
  const source =
    (name === undefined ? usualTemplate(stored) : undefined) ?? templateNamed(name, stored, where);
  return { source, render: renderer(source, stored.tokens, where) };
}

function templateNamed(name = "default", { named }: StoredTemplates, where: string): string {
  if (named.length === 0) {
    throw new TsmergeError("incompatible", "this model has no chat template", {
      where,
      hint: "leave --apply_chat_template out: base models take plain text",
    });
  }
  const names = named.map((each) => each.name);
  const found = named.find((each) => each.name === name);
  if (found !== undefined) return found.template;
  throw new TsmergeError(
    "usage",
    `no chat template is called "${name}"${didYouMean(name, names)}`,
    {
      where,
      hint: `the model has ${names.join(", ")}`,
    },
  );
}

function renderer(
  source: string,
  tokens: Readonly<Record<string, string>>,
  where: string,
): ChatTemplate["render"] {
  const refused = (cause: unknown): TsmergeError => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new TsmergeError("incompatible", `the chat template cannot be rendered: ${reason}`, {
      where,
      hint: "leave --apply_chat_template out, or mend the template",
      cause,
    });
  };
  let template: Template;
  try {
    template = new Template(source.replaceAll(/\r\n?/g, "\n")); // as Jinja reads line ends
  } catch (cause) {
    throw refused(cause);
  }
  const given = { ...tokens, tools: null, documents: null };
  const rendered = (messages: readonly Message[]): string => {
    const last = messages.at(-1);
    if (last?.role !== "assistant") {
      return template.render({ ...given, messages, add_generation_prompt: true });
    }
    const marked = [...messages.slice(0, -1), { ...last, content: last.content + MARK }];
    const whole = template.render({ ...given, messages: marked, add_generation_prompt: false });
    return beforeMark(whole, last.content);
  };
  return (messages) => {
    try {
      return rendered(messages);
    } catch (cause) {
      const others = messages.filter(({ role }) => role !== "system");
      if (others.length === messages.length) throw refused(cause);
      try {
        return rendered(others);
      } catch {
        throw refused(cause);
      }
    }
  };
}

/** Ends a message that is to be continued; its space tells whether the template trims messages. */
const MARK = "⟦to be continued⟧ ";

/**
 * A rendered conversation up to the end of its last message, as transformers cuts it: white space at the end
 * stays only where the template keeps it.
 */
function beforeMark(rendered: string, message: string): string {
  const mark = MARK.trimEnd();
  const at = rendered.lastIndexOf(mark);
  if (at < 0 || !rendered.includes(message.trim())) {
    throw new Error("it leaves out the beginning of the answer, which was to be continued");
  }
  const before = rendered.slice(0, at);
  return rendered.startsWith(MARK, at) ? before : before.trimEnd();
}
