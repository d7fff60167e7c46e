// A Program taken apart for the back ends: its nodes in computing order, its identity, and the check
// of a call against it. Not a back end; reference.ts does not use the node list, so that it stays an oracle.

import { bytesPerElement, type FloatType } from "../base/dtype.ts";
import { TsmergeError } from "../base/errors.ts";
import type { Expression, Mask } from "./expression.ts";
import type { Computation, FoldCall, Program, TileCall } from "./kernel.ts";

export type Node = Expression | Mask;

/** One node of an expression; operands are positions of earlier steps. */
export interface Step {
  readonly node: Node;
  readonly operands: readonly number[];
}

/** How many of each argument a program's calls must carry. */
export interface Demand {
  readonly scalars: number;
  readonly integers: number;
  readonly streams: number;
}

/** A node's operands: (mask, then, otherwise) of a select, else in reading order. */
function operandsOf(node: Node): readonly Node[] {
  switch (node.op) {
    case "input":
    case "scalar":
    case "constant":
    case "indexBelow":
    case "drawBelow":
      return [];
    case "neg":
    case "abs":
    case "not":
      return [node.x];
    case "sum":
      return node.terms;
    case "select":
      return [node.mask, node.then, node.otherwise];
    case "add":
    case "sub":
    case "mul":
    case "div":
    case "lt":
    case "le":
    case "gt":
    case "ge":
    case "eq":
    case "and":
    case "or":
      return [node.a, node.b];
    default:
      return node satisfies never;
  }
}

/** What distinguishes a node besides its operands. */
function attributesOf(node: Node): string {
  switch (node.op) {
    case "input":
    case "scalar":
      return `${node.index}`;
    case "constant":
      return Object.is(node.value, -0) ? "-0" : `${node.value}`;
    case "indexBelow":
      return `${node.bound}`;
    case "drawBelow":
      return `${node.stream},${node.bound}`;
    default:
      return "";
  }
}

const stepKey = ({ node, operands }: Step) => `${node.op}(${attributesOf(node)};${operands})`;

/** The nodes under `expression`, operands first, equal nodes once; the last step is the result. */
export function stepsOf(expression: Expression): Step[] {
  return jointSteps([expression]).steps;
}

/** The nodes under several expressions, equal ones once, and which step is each expression's result. */
export function jointSteps(expressions: readonly Expression[]): {
  steps: Step[];
  results: number[];
} {
  const steps: Step[] = [];
  const byNode = new Map<Node, number>();
  const byKey = new Map<string, number>();
  const visit = (node: Node): number => {
    const seen = byNode.get(node);
    if (seen !== undefined) return seen;
    const step = { node, operands: operandsOf(node).map(visit) };
    const key = stepKey(step);
    const position = byKey.get(key) ?? steps.push(step) - 1;
    byNode.set(node, position);
    byKey.set(key, position);
    return position;
  };
  return { results: expressions.map(visit), steps };
}

/** A text that is equal for two programs exactly when their content is. */
export function programKey(program: Program): string {
  return `${computationKey(program, [program.expression])}|${program.round}|${program.store}`;
}

/** A text that is equal exactly when the same expressions are computed in the same way. */
export function computationKey(
  { inputs, loadAs, uncast, arithmetic, draws }: Computation,
  expressions: readonly Expression[],
): string {
  const { steps, results } = jointSteps(expressions);
  const facts = [inputs.join(), loadAs ?? "", uncast ?? 0, arithmetic, draws, results.join()];
  return `${facts.join("|")}|${steps.map(stepKey).join(" ")}`;
}

/** The type that input `index` is cast to before the arithmetic, if any. */
export function castOf(
  { inputs, loadAs, uncast }: Computation,
  index: number,
): FloatType | undefined {
  return index < inputs.length - (uncast ?? 0) ? loadAs : undefined;
}

/** The arguments that a program's nodes refer to. Throws TsmergeError `internal` for an input it does not declare. */
export function demandOf(program: Program): Demand {
  return demandOfSteps(stepsOf(program.expression), program.inputs.length);
}

/** As demandOf, for the steps of a computation over `declared` inputs. */
export function demandOfSteps(steps: readonly Step[], declared: number): Demand {
  let [inputs, scalars, integers, streams] = [0, 0, 0, 0];
  for (const { node } of steps) {
    if (node.op === "input") inputs = Math.max(inputs, node.index + 1);
    if (node.op === "scalar") scalars = Math.max(scalars, node.index + 1);
    if (node.op === "drawBelow") streams = Math.max(streams, node.stream + 1);
    if (node.op === "drawBelow" || node.op === "indexBelow") {
      integers = Math.max(integers, node.bound + 1);
    }
  }
  if (inputs > declared) {
    throw new TsmergeError(
      "internal",
      `the expression reads input ${inputs - 1} but the program declares ${declared}`,
      { hint: "list one stored type for each input in Program.inputs" },
    );
  }
  return { scalars, integers, streams };
}

/**
 * Throws TsmergeError `internal`, naming the argument, unless `call` carries what the program needs in the right
 * lengths.
 */
export function checkCall(program: Program, demand: Demand, call: TileCall): void {
  checkArguments(program, demand, call);
  expect("bytes of output", call.output.length, call.elements * bytesPerElement(program.store));
}

/** checkCall without the output, which a fold has not. */
export function checkArguments(program: Computation, demand: Demand, call: FoldCall): void {
  expect("inputs", call.inputs.length, program.inputs.length);
  for (const [i, type] of program.inputs.entries()) {
    expect(`bytes of input ${i}`, call.inputs[i]!.length, call.elements * bytesPerElement(type));
  }
  expectAtLeast("scalars", call.scalars.length, demand.scalars);
  expectAtLeast("integers", call.integers.length, demand.integers);
  if (program.draws === "counter") {
    expectAtLeast("streams", call.streams?.length ?? 0, demand.streams);
    return;
  }
  expectAtLeast("planes", call.planes?.length ?? 0, demand.streams);
  for (let stream = 0; stream < demand.streams; stream++) {
    expect(`draws of plane ${stream}`, call.planes![stream]!.length, call.elements);
  }
}

function expect(what: string, found: number, wanted: number): void {
  if (found !== wanted) mismatch(what, found, `${wanted}`);
}

function expectAtLeast(what: string, found: number, wanted: number): void {
  if (found < wanted) mismatch(what, found, `at least ${wanted}`);
}

function mismatch(what: string, found: number, wanted: string): never {
  throw new TsmergeError("internal", `a kernel call has ${found} ${what}; it needs ${wanted}`, {
    hint: "size every view of a TileCall for its element count and the program's types",
  });
}
