// The chat template of a merged model: a named one, the one most parents have, or Jinja from the recipe.
// Templates are text here; nothing is rendered.

import { TsmergeError } from "../base/errors.ts";
import { didYouMean } from "../base/suggest.ts";
import { storedTemplates, usualTemplate } from "../model/stored-template.ts";

const TURN_END_PROMPT = "{% if add_generation_prompt %}";

/** Formats as their makers describe them, each a loop over `messages` with `role` and `content`. */
const NAMED: Readonly<Record<string, string>> = {
  alpaca:
    "{% if messages[0]['role'] == 'system' %}{{ messages[0]['content'] | trim + '\\n\\n' }}" +
    "{% else %}{{ 'Below is an instruction that describes a task. Write a response that " +
    "appropriately completes the request.\\n\\n' }}{% endif %}" +
    "{% for message in messages %}" +
    "{% if message['role'] == 'user' %}{{ '### Instruction:\\n' + message['content'] | trim + '\\n\\n' }}" +
    "{% elif message['role'] == 'assistant' %}" +
    "{{ '### Response:\\n' + message['content'] | trim + eos_token + '\\n\\n' }}{% endif %}" +
    `{% endfor %}${TURN_END_PROMPT}{{ '### Response:\\n' }}{% endif %}`,
  chatml:
    "{% for message in messages %}" +
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}" +
    `{% endfor %}${TURN_END_PROMPT}{{ '<|im_start|>assistant\\n' }}{% endif %}`,
  exaone:
    "{% if messages[0]['role'] != 'system' %}{{ '[|system|][|endofturn|]\\n' }}{% endif %}" +
    "{% for message in messages %}{{ '[|' + message['role'] + '|]' + message['content'] }}" +
    "{{ '\\n' if message['role'] == 'user' else '[|endofturn|]\\n' }}" +
    `{% endfor %}${TURN_END_PROMPT}{{ '[|assistant|]' }}{% endif %}`,
  llama3:
    "{{ bos_token }}{% for message in messages %}" +
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}" +
    "{{ message['content'] | trim + '<|eot_id|>' }}" +
    `{% endfor %}${TURN_END_PROMPT}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}`,
  mistral:
    "{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] | trim + '\\n\\n' %}" +
    "{% set turns = messages[1:] %}{% else %}{% set system = '' %}{% set turns = messages %}{% endif %}" +
    "{{ bos_token }}{% for message in turns %}{% if message['role'] == 'user' %}" +
    "{{ '[INST] ' + (system if loop.first else '') + message['content'] | trim + ' [/INST]' }}" +
    "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] | trim + eos_token }}" +
    "{% endif %}{% endfor %}",
};

/** Shorter text cannot walk through messages (mergekit's rule). */
const SHORTEST = 20;

/** Why a `chat_template:` value cannot be used, or undefined. */
export function chatTemplateProblem(value: string): string | undefined {
  const names = ["auto", ...Object.keys(NAMED)];
  if (names.includes(value) || (value.length >= SHORTEST && value.includes("{"))) return undefined;
  return `is neither the name of a template nor Jinja${didYouMean(value, names)}; the names are ${names.join(", ")}`;
}

/**
 * The template that a `chat_template:` value means; undefined for `auto` where no parent has one.
 * @param directories the parents, in order
 * @throws TsmergeError `config` for a value without meaning
 */
export async function chatTemplate(
  value: string,
  directories: readonly string[],
): Promise<string | undefined> {
  const problem = chatTemplateProblem(value);
  if (problem !== undefined) throw new TsmergeError("config", `chat_template ${value} ${problem}`);
  if (value !== "auto") return Object.hasOwn(NAMED, value) ? NAMED[value] : value;
  const counts = new Map<string, number>();
  for (const directory of directories) {
    const template = usualTemplate(await storedTemplates(directory));
    if (template !== undefined) counts.set(template, (counts.get(template) ?? 0) + 1);
  }
  const most = Math.max(0, ...counts.values());
  return [...counts].find(([, count]) => count === most)?.[0]; // the first listed of equals
}

/** The files that give a model the template; `config` is its tokenizer_config.json. */
export function templateFiles(
  template: string,
  config: Readonly<Record<string, unknown>>,
): Record<string, string> {
  return {
    "tokenizer_config.json": `${JSON.stringify({ ...config, chat_template: template }, null, 2)}\n`,
    "chat_template.jinja": template,
  };
}
