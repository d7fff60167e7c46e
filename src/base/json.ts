// JSON from files we did not write. JSON.parse keeps the last of two equal keys without a word;
// here a repeated key is an error, because two readers of such a file would see different models.

import { readFile } from "node:fs/promises";
import { TsmergeError } from "./errors.ts";
import { ioError } from "./io-error.ts";

/**
 * The value of a JSON text in which no object repeats a key.
 * @param where what the text is, such as a file path, for errors
 * @throws TsmergeError `data` for malformed text or a repeated key
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
  const repeated = repeatedKey(text);
  if (repeated !== undefined) {
    throw new TsmergeError(
      "data",
      `the key ${JSON.stringify(repeated)} stands twice in one object`,
      {
        where,
        hint: "keep one of the two; programs disagree on which of them counts",
      },
    );
  }
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

/** The first key that an object of a well-formed JSON text repeats, or undefined. */
function repeatedKey(text: string): string | undefined {
  const open: Set<string>[] = []; // keys seen in each enclosing object; arrays need no entry
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "{") open.push(new Set());
    else if (character === "}") open.pop();
    else if (character === '"') {
      const end = endOfString(text, at);
      if (isKey(text, end)) {
        const key: unknown = JSON.parse(text.slice(at, end));
        const keys = open.at(-1);
        if (typeof key === "string" && keys !== undefined) {
          if (keys.has(key)) return key;
          keys.add(key);
        }
      }
      at = end - 1;
    }
  }
  return undefined;
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
