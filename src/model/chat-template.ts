// A model's chat template, rendered: a conversation as the text that the model was trained on. Not the templates
// that a merge writes (src/merge/chat-template.ts), and not the conversation, which src/evals makes.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Template } from "@huggingface/jinja";
import { z } from "zod";
import { TsmergeError } from "../base/errors.ts";
import { hasErrorCode, ioError } from "../base/io-error.ts";
import { readJson } from "../base/json.ts";
import { schemaProblems } from "../base/schema-problem.ts";
import { didYouMean } from "../base/suggest.ts";
import { specialText, specialToken } from "./special-token.ts";

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

/** The tokens that templates may name. */
const TOKENS = ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token"] as const;

const schema = z.looseObject({
  chat_template: z
    .union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))])
    .nullish(),
  ...Object.fromEntries(TOKENS.map((name) => [name, specialToken])),
});

/**
 * The template of a model folder: chat_template.jinja, or that of tokenizer_config.json.
 * @param name one of several templates; the one called `default`, or the only one, when absent
 * @throws TsmergeError `incompatible` without a template or one that does not parse, `usage` for an unknown name
 */
export async function loadChatTemplate(directory: string, name?: string): Promise<ChatTemplate> {
  const where = join(directory, "tokenizer_config.json");
  const parsed = schema.safeParse(await readJson(where));
  if (!parsed.success) {
    const reason = schemaProblems(parsed.error);
    throw new TsmergeError("incompatible", reason, {
      where,
      hint: "copy tokenizer_config.json from the model's repository again",
    });
  }
  const config: Readonly<Record<string, unknown>> = parsed.data;
  const alone = await readAlone(directory);
  const source =
    alone !== undefined && name === undefined ? alone : chosen(parsed.data, name, where);
  const tokens = TOKENS.flatMap((key) => {
    const text = specialText(config[key]);
    return text === undefined ? [] : [[key, text]];
  });
  return { source, render: renderer(source, Object.fromEntries(tokens), where) };
}

async function readAlone(directory: string): Promise<string | undefined> {
  const path = join(directory, "chat_template.jinja");
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (hasErrorCode(cause, "ENOENT")) return undefined;
    throw ioError("read", path, cause);
  }
}

function chosen(
  { chat_template: listed }: z.infer<typeof schema>,
  name: string | undefined,
  where: string,
): string {
  const all = typeof listed === "string" ? [{ name: "default", template: listed }] : (listed ?? []);
  if (all.length === 0) {
    throw new TsmergeError("incompatible", "this model has no chat template", {
      where,
      hint: "leave --apply_chat_template out: base models take plain text",
    });
  }
  const names = all.map((each) => each.name);
  const wanted = name ?? (all.length === 1 ? names[0]! : "default");
  const found = all.find((each) => each.name === wanted);
  if (found !== undefined) return found.template;
  throw new TsmergeError(
    "usage",
    `no chat template is called "${wanted}"${didYouMean(wanted, names)}`,
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
    template = new Template(source);
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
