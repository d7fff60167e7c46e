// Python's literals as far as task files need them: lists, tuples, strings, numbers, True, False and None. What
// a template renders for a list is such a text.

import { TsmergeError } from "../../base/errors.ts";

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "\n": "" };
const NAMES: Readonly<Record<string, unknown>> = { True: true, False: false, None: null };

/**
 * The value of a literal, as `ast.literal_eval`.
 * @throws TsmergeError `config` for anything else
 */
export function pythonLiteral(text: string): unknown {
  const reader = new Reader(text);
  const value = reader.value();
  reader.end();
  return value;
}

/** Owns the position in one text. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(): unknown {
    this.#space();
    const open = this.#text[this.#at];
    if (open === "[" || open === "(") return this.#list(open === "[" ? "]" : ")");
    if (open === "'" || open === '"') return this.#string(open);
    const word = /[^\s,\])]+/y;
    word.lastIndex = this.#at;
    const found = word.exec(this.#text)?.[0] ?? "";
    const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(found);
    if (!number && !Object.hasOwn(NAMES, found)) this.#fail();
    this.#at += found.length;
    return number ? Number(found) : NAMES[found];
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) this.#fail();
  }

  #list(close: string): unknown[] {
    const values: unknown[] = [];
    this.#at++;
    for (;;) {
      this.#space();
      if (this.#text[this.#at] === close) break;
      values.push(this.value());
      this.#space();
      if (this.#text[this.#at] === ",") this.#at++;
      else if (this.#text[this.#at] !== close) this.#fail();
    }
    this.#at++;
    return values;
  }

  #string(quote: string): string {
    let value = "";
    for (this.#at++; this.#text[this.#at] !== quote; this.#at++) {
      const char = this.#text[this.#at];
      if (char === undefined) this.#fail();
      if (char !== "\\") {
        value += char;
        continue;
      }
      const escaped = this.#text[++this.#at] ?? this.#fail();
      value += ESCAPES[escaped] ?? ("'\"\\".includes(escaped) ? escaped : `\\${escaped}`);
    }
    this.#at++;
    return value;
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  #fail(): never {
    throw new TsmergeError(
      "config",
      `${JSON.stringify(this.#text.slice(0, 80))} is not a Python list, string or number`,
      { hint: "write a list such as ['yes', 'no']" },
    );
  }
}
