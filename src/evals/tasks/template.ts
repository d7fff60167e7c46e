// Jinja templates of task files over one document. A template that is a single expression keeps its value's
// type (a list stays a list); any other renders to text. String methods are Python's, not JavaScript's.

import { isDeepStrictEqual } from "node:util";
import { Environment, parse, tokenize } from "@huggingface/jinja";
import { TsmergeError } from "../../base/errors.ts";
import type { Row } from "../datasets/records.ts";
import { pythonRegex } from "../python/regex.ts";
import { capitalize, lstrip, rstrip, splitWords, strip } from "../python/text.ts";
import { strictInterpreter } from "./strict-interpreter.ts";

export type Template = (row: Row) => unknown;

/** The library's own types do not resolve under Node's module rules; this is what is used of them. */
interface Program {
  body: unknown[];
}
type RuntimeValue = { readonly value: unknown };

/** Methods that take over from the library's: `value.method(…)` becomes a call of `_method(value, …)`. */
const METHODS: Readonly<Record<string, (value: unknown, ...rest: readonly unknown[]) => unknown>> =
  {
    strip: (value, characters) => strip(String(value), optional(characters)),
    lstrip: (value, characters) => lstrip(String(value), optional(characters)),
    rstrip: (value, characters) => rstrip(String(value), optional(characters)),
    capitalize: (value) => capitalize(String(value)),
    split: (value, separator) =>
      typeof separator === "string" ? String(value).split(separator) : splitWords(String(value)),
    join: (value, list) => (list as readonly unknown[]).map(String).join(String(value)), // join's argument is a list
    index: indexOf,
  };

/** Filters that the library lacks, called as functions. */
const FILTERS: typeof METHODS = {
  regex_replace: (value, pattern, replacement) =>
    String(value).replaceAll(pythonRegex(String(pattern)), String(replacement)),
};

/** Operators that compare as Python does: 1 is not "1", lists are equal by their members. */
const OPERATORS: typeof METHODS = {
  "==": (left, right) => isDeepStrictEqual(comparable(left), comparable(right)),
  "!=": (left, right) => !isDeepStrictEqual(comparable(left), comparable(right)),
};

/** True is 1. */
function comparable(value: unknown): unknown {
  return typeof value === "boolean" ? Number(value) : value;
}

/** Python's words where JavaScript prints others. */
const PRINTED: typeof METHODS = {
  printed: (value) => (typeof value === "boolean" ? capitalize(String(value)) : (value ?? "None")),
};

function indexOf(value: unknown, wanted: unknown): number {
  const index = Array.isArray(value)
    ? value.indexOf(wanted)
    : String(value).indexOf(String(wanted));
  if (index < 0) throw new Error(`${JSON.stringify(wanted)} is not in ${JSON.stringify(value)}`);
  return index;
}

function optional(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/**
 * Compiles a template.
 * @param where file and field, for messages
 * @throws TsmergeError `config` when it does not parse; from the returned function also when it uses a
 * column that the document does not have
 */
export function compileTemplate(source: string, where: string): Template {
  const fail = (cause: unknown): never => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TsmergeError("config", `cannot render ${JSON.stringify(source)}: ${reason}`, {
      where,
      hint: "use the columns that the data has, and Jinja's common subset",
      cause,
    });
  };
  let program: Program;
  try {
    // Jinja's own reader drops one line end at the end; task files keep it
    const text = source.replaceAll(/\r\n?/g, "\n"); // as Jinja reads line ends
    program = parse(tokenize(text.endsWith("\n") ? `${text}\n` : text));
  } catch (cause) {
    return fail(cause);
  }
  const names = new Set<string>();
  const isExpression = program.body.length === 1 && /^\{\{.*\}\}$/s.test(source);
  const body = program.body.map((node) => rewrite(node, names));
  program.body = isExpression ? body : body.map(printed);
  const shared = sharedEnvironment();
  return (row) => {
    try {
      const environment = new Environment(shared);
      for (const name of names) {
        if (Object.hasOwn(row, name)) environment.set(name, row[name]);
      }
      const interpreter = strictInterpreter(environment, Object.keys(row));
      if (isExpression) return unwrap(interpreter.evaluate(body[0], environment));
      return unwrap(interpreter.run(program));
    } catch (cause) {
      return fail(cause);
    }
  };
}

/** What every template finds beside its document. */
function sharedEnvironment(): Environment {
  const environment = new Environment();
  for (const [name, value] of Object.entries({ true: true, false: false, none: null })) {
    environment.set(name, value);
    environment.set(capitalize(name), value);
  }
  for (const [name, call] of Object.entries({ ...METHODS, ...FILTERS, ...OPERATORS, ...PRINTED })) {
    environment.set(`_${name}`, (...values: readonly unknown[]) => call(...unwrapAll(values)));
  }
  environment.set("range", rangeOf);
  return environment;
}

function rangeOf(start: number, end?: number): number[] {
  const [from, to] = end === undefined ? [0, start] : [start, end];
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
}

/** The tree with method calls and filters of ours replaced by calls; collects the names it reads. */
function rewrite(node: unknown, names: Set<string>): unknown {
  if (Array.isArray(node)) return node.map((each) => rewrite(each, names));
  if (node instanceof Map) {
    return new Map([...node].map(([key, value]) => [rewrite(key, names), rewrite(value, names)]));
  }
  if (typeof node !== "object" || node === null) return node;
  const tree = node as Record<string, unknown>; // a syntax node is an object of fields
  const callee = tree.callee as Record<string, unknown> | undefined;
  const property = callee?.property as Record<string, unknown> | undefined;
  if (tree.type === "CallExpression" && callee?.type === "MemberExpression") {
    const method = String(property?.value);
    if (callee.computed !== true && Object.hasOwn(METHODS, method)) {
      const args = [callee.object, ...(tree.args as readonly unknown[])]; // a call has a list of arguments
      return callOf(method, rewrite(args, names));
    }
  }
  const operator = String((tree.operator as Record<string, unknown> | undefined)?.value);
  if (tree.type === "BinaryExpression" && Object.hasOwn(OPERATORS, operator)) {
    return callOf(operator, rewrite([tree.left, tree.right], names));
  }
  const filter = tree.filter as Record<string, unknown> | undefined;
  const filterName = (filter?.callee as Record<string, unknown> | undefined)?.value;
  const filterArgs = (filter?.args ?? []) as readonly unknown[]; // a call has a list of arguments
  if (tree.type === "FilterExpression" && Object.hasOwn(FILTERS, String(filterName))) {
    const args = [tree.operand, ...filterArgs];
    return callOf(String(filterName), rewrite(args, names));
  }
  if (tree.type === "Identifier") names.add(String(tree.value));
  for (const [key, value] of Object.entries(tree)) {
    const isName =
      (tree.type === "MemberExpression" && key === "property" && tree.computed !== true) ||
      (tree.type === "FilterExpression" && key === "filter") ||
      (tree.type === "TestExpression" && key === "test") ||
      (tree.type === "KeywordArgumentExpression" && key === "key");
    if (!isName) tree[key] = rewrite(value, names);
    if (key === "body" && Array.isArray(tree[key])) tree[key] = tree[key].map(printed);
  }
  return tree;
}

/** An expression that stands in text, through `printed`; statements and plain text stay. */
function printed(node: unknown): unknown {
  const type = String((node as { type: unknown }).type); // every syntax node says its type
  const isExpression = /Expression$|^Identifier$|^Ternary$/.test(type);
  return isExpression ? callOf("printed", [node]) : node;
}

function callOf(name: string, args: unknown): object {
  return { type: "CallExpression", callee: { type: "Identifier", value: `_${name}` }, args };
}

function unwrapAll(values: readonly unknown[]): [unknown, ...unknown[]] {
  const [first, ...rest] = values.map(plain);
  return [first, ...rest];
}

function unwrap(value: RuntimeValue): unknown {
  return plain(value.value);
}

/** A runtime value's content; lists and mappings at any depth. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map((each: unknown) => plain(contentOf(each)));
  }
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, each]) => [key, plain(contentOf(each))]));
  }
  return value;
}

function contentOf(value: unknown): unknown {
  return typeof value === "object" && value !== null && "value" in value ? value.value : value;
}
