// Python's ideas of white space, case and length, which prompts and metrics of lm-evaluation-harness depend
// on. JavaScript's trim() removes U+FEFF and keeps U+001C to U+001F and U+0085; its length counts UTF-16 units.

/** Inside of a character class: str.isspace, bidirectional types WS, B and S, and category Zs. */
export const SPACES =
  "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const RUN = new RegExp(`[${SPACES}]+`);
const ONE = new RegExp(`[${SPACES}]`);

/** The text without white space at its end, as `str.rstrip()`; or without the characters given. */
export function rstrip(text: string, characters?: string): string {
  const isStripped = stripped(characters);
  let end = text.length;
  while (end > 0 && isStripped(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

/** The text without white space at its start, as `str.lstrip()`; or without the characters given. */
export function lstrip(text: string, characters?: string): string {
  const isStripped = stripped(characters);
  let start = 0;
  while (start < text.length && isStripped(text.charAt(start))) start++;
  return text.slice(start);
}

/** The text without white space at both ends, as `str.strip()`; or without the characters given. */
export function strip(text: string, characters?: string): string {
  return lstrip(rstrip(text, characters), characters);
}

function stripped(characters: string | undefined): (character: string) => boolean {
  return characters === undefined
    ? (character) => ONE.test(character)
    : (character) => characters.includes(character);
}

/** The words between runs of white space, as `str.split()`. */
export function splitWords(text: string): string[] {
  const inner = strip(text);
  return inner === "" ? [] : inner.split(RUN);
}

/** First character in upper case, the rest in lower case, as `str.capitalize()`. */
export function capitalize(text: string): string {
  const [first = ""] = text;
  return first.toUpperCase() + text.slice(first.length).toLowerCase();
}

/** At least one character, and all of them decimal digits or superscripts, as `str.isdigit()`. */
export function isDigit(text: string): boolean {
  return /^[\p{Nd}\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089]+$/u.test(text);
}

/** Unicode code points, as `len(str)`. */
export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Two texts, with the delimiter between them if both are there and neither has white space at the seam. */
export function delimited(first: string, second: string, delimiter: string): string {
  const hasSpace = ONE.test(first.slice(-1)) || ONE.test(second.charAt(0));
  return first + (first === "" || second === "" || hasSpace ? "" : delimiter) + second;
}
