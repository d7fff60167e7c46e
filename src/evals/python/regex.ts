// Python's regular expressions as JavaScript's. Differences that matter in filters and metrics: \s, \d and \w
// are Unicode's, `.` excludes \n alone, `$` also stands before a last \n, and flags may lead the pattern.

import { TsmergeError } from "../../base/errors.ts";
import { SPACES } from "./text.ts";

const DIGITS = "\\p{Nd}";
const WORDS = "\\p{L}\\p{N}_";

/** Escapes that JavaScript's u mode knows with Python's meaning. */
const KEPT = new Set("0tnrfvbBux123456789^$\\.*+?()[]{}|/");

/**
 * The pattern as a global JavaScript expression.
 * @throws TsmergeError `config` naming what JavaScript cannot express
 */
export function pythonRegex(pattern: string): RegExp {
  const lead = /^\(\?([a-zA-Z]+)\)/.exec(pattern);
  const flags = lead?.[1] ?? "";
  const unknown = [...flags].find((flag) => !"aimsu".includes(flag));
  const body = lead === null ? pattern : pattern.slice(lead[0].length);
  try {
    if (unknown !== undefined) throw new SyntaxError(`the flag ${unknown}`);
    const multiline = flags.includes("m");
    const source = translate(body, flags.includes("s"), multiline);
    return new RegExp(source, `gu${flags.includes("i") ? "i" : ""}${multiline ? "m" : ""}`);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TsmergeError(
      "config",
      `cannot use the expression ${JSON.stringify(pattern)}: ${reason}`,
      {
        hint: "write it with what Python and JavaScript share",
        cause,
      },
    );
  }
}

function translate(pattern: string, dotAll: boolean, multiline: boolean): string {
  let out = "";
  let inClass = false;
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]!;
    if (char === "\\") {
      out += escapeOf(pattern[++i] ?? "", inClass);
    } else if (inClass) {
      inClass = char !== "]";
      out += char;
    } else if (char === "[") {
      inClass = true;
      out += char;
      if (pattern[i + 1] === "^") out += pattern[++i]!;
      if (pattern[i + 1] === "]") out += `\\${pattern[++i]!}`; // a leading ] is a member
    } else if (char === ".") {
      out += dotAll ? "[^]" : "[^\\n]";
    } else if (char === "$") {
      out += multiline ? "(?=\\n|(?![^]))" : "(?=\\n?(?![^]))";
    } else if (char === "{" && !/^\{\d*,?\d*\}/.test(pattern.slice(i))) {
      out += "\\{";
    } else if (char === "}" && !/\{\d*,?\d*$/.test(pattern.slice(0, i))) {
      out += "\\}";
    } else if (char === "]") {
      out += "\\]";
    } else if (pattern.startsWith("(?P<", i)) {
      out += "(?<";
      i += 3;
    } else {
      out += char;
    }
  }
  return out;
}

function escapeOf(char: string, inClass: boolean): string {
  const classOf = (members: string): string => (inClass ? members : `[${members}]`);
  switch (char) {
    case "s":
      return classOf(SPACES);
    case "d":
      return classOf(DIGITS);
    case "w":
      return classOf(WORDS);
    case "S":
    case "D":
    case "W": {
      if (inClass) throw new SyntaxError(`\\${char} in a class`);
      return `[^${char === "S" ? SPACES : char === "D" ? DIGITS : WORDS}]`;
    }
    case "A":
      return "(?<![^])";
    case "Z":
      return "(?![^])";
    case "-":
      return inClass ? "\\-" : "-";
    default:
      if (KEPT.has(char)) return `\\${char}`;
      if (/[a-zA-Z]/.test(char)) throw new SyntaxError(`\\${char}`);
      return char;
  }
}
