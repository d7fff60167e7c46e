// Jinja's interpreter with StrictUndefined, as lm-evaluation-harness renders task files: a name, attribute or index
// that is not there is an error and not an empty text. Only `is defined` and `default` may ask for one.

import { type Environment, Interpreter } from "@huggingface/jinja";
import { didYouMean } from "../../base/suggest.ts";

/** The library's own types do not resolve under Node's module rules; this is what is used of a syntax node. */
interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

const NOTHING: Node = { type: "StringLiteral", value: "" };

const QUESTIONS = ["defined", "undefined", "default"];

/**
 * An interpreter whose evaluation throws an Error that names what is not there.
 * @param columns what the document has, for messages
 */
export function strictInterpreter(
  environment: Environment,
  columns: readonly string[],
): Interpreter {
  const interpreter = new Interpreter(environment);
  const evaluate = interpreter.evaluate.bind(interpreter);
  const mayBeMissing = new Set<unknown>();
  interpreter.evaluate = (node: Node | undefined, scope: Environment) => {
    const asked = node?.type === "TestExpression" ? node.test : node?.filter;
    if (QUESTIONS.includes(nameOf(asked) ?? "")) mayBeMissing.add(node?.operand);
    const value = evaluate(node, scope);
    if (value.type === "UndefinedValue" && node?.type === "SelectExpression") {
      return evaluate(NOTHING, scope); // an `if` without `else`
    }
    const isMissing = value.type === "UndefinedValue" && !mayBeMissing.has(node);
    const said = isMissing && node !== undefined ? complaint(node, columns) : undefined;
    if (said !== undefined) throw new Error(said);
    return value;
  };
  return interpreter;
}

function complaint(node: Node, columns: readonly string[]): string | undefined {
  switch (node.type) {
    case "Identifier": {
      const name = String(node.value);
      const near = didYouMean(name, columns);
      return `there is no column ${name}${near}; the columns are ${columns.join(", ")}`;
    }
    case "MemberExpression":
      return `there is no ${textOf(node)}`;
    default:
      return undefined; // what is left out of a slice
  }
}

/** The name of a test or filter, called or not. */
function nameOf(node: unknown): string | undefined {
  const { value, callee } = (node ?? {}) as { value?: unknown; callee?: unknown }; // fields of a syntax node
  if (callee !== undefined) return nameOf(callee);
  return typeof value === "string" ? value : undefined;
}

/** Names, attributes and indices as they are written. */
function textOf(node: Node): string {
  if (node.type !== "MemberExpression") {
    return node.type === "StringLiteral" ? JSON.stringify(node.value) : String(node.value ?? "…");
  }
  const [object, property] = [node.object as Node, node.property as Node]; // that type of node has both
  const key = textOf(property);
  return textOf(object) + (node.computed === true ? `[${key}]` : `.${key}`);
}
