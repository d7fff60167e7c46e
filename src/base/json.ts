// JSON from files we did not write. JSON.parse keeps the last of two equal keys without a word;
// here a repeated key is an error, because two readers of such a file would see different models.

import { readFile } from "node:fs/promises";
import { TsmergeError } from "./errors.ts";
import { ioError } from "./io-error.ts";

/** Nobody's configuration nests this deep, and JSON.stringify runs out of stack somewhere above. */
const MAX_DEPTH = 256;

/**
 * The value of a JSON text in which no object repeats a key.
 * @param where what the text is, such as a file path, for errors
 * @throws TsmergeError `data` for malformed text, a repeated key, or nesting past any use
 */
export function parseJson(text: string, where: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TsmergeError("data", `not valid JSON: ${reason}`, {
      where,
      hint: "download or copy the file again; it may be cut short",
      cause,
    });
  }
  checkObjects(text, where);
  return value;
}

/** {@link parseJson} of a file. Throws TsmergeError `io` if it cannot be read. */
export async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw ioError("read", path, cause);
  }
  return parseJson(text, path);
}

/** The member of an object or list at a key; undefined of anything else. */
export function memberOf(value: unknown, key: PropertyKey): unknown {
  return value !== null && typeof value === "object" ? Reflect.get(value, key) : undefined;
}

/** Throws if a well-formed text repeats a key in an object, or nests too deep for recursive readers. */
function checkObjects(text: string, where: string): void {
  const open: (Set<string> | undefined)[] = []; // keys seen in each enclosing object; an array has none
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "{") open.push(new Set());
    else if (character === "[") open.push(undefined);
    else if (character === "}" || character === "]") open.pop();
    else if (character === '"') {
      const end = endOfString(text, at);
      if (isKey(text, end)) checkNew(text.slice(at, end), open.at(-1), where);
      at = end - 1;
    }
    if (open.length > MAX_DEPTH) {
      throw new TsmergeError("data", `more than ${MAX_DEPTH} objects or lists inside one another`, {
        where,
        hint: "this is not a file that a model needs; download it again",
      });
    }
  }
}

function checkNew(quoted: string, keys: Set<string> | undefined, where: string): void {
  const key = String(JSON.parse(quoted)); // one key can be escaped in several ways
  if (keys?.has(key)) {
    throw new TsmergeError("data", `the key ${JSON.stringify(key)} stands twice in one object`, {
      where,
      hint: "keep one of the two; programs disagree on which of them counts",
    });
  }
  keys?.add(key);
}

/** The index after the closing quote of the string that starts at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

/** In well-formed JSON a string before a colon is a key. */
function isKey(text: string, end: number): boolean {
  let at = end;
  while (/\s/.test(text.charAt(at))) at++;
  return text[at] === ":";
}
