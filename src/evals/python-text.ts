// Python's ideas of white space and length, which prompts and metrics of lm-evaluation-harness depend on.
// JavaScript's trim() removes U+FEFF and keeps U+001C to U+001F and U+0085; its length counts UTF-16 units.

/** str.isspace: bidirectional types WS, B and S, and category Zs. */
const SPACE =
  "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const LEADING = new RegExp(`^${SPACE}+`);
const ONE = new RegExp(SPACE);

/** The text without white space at its end, as `str.rstrip()`. */
export function rstrip(text: string): string {
  let end = text.length;
  while (end > 0 && ONE.test(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

/** The text without white space at both ends, as `str.strip()`. */
export function strip(text: string): string {
  return rstrip(text).replace(LEADING, "");
}

/** Unicode code points, as `len(str)`. */
export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
