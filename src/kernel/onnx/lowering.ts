// From a Program to an ONNX graph with the same meaning, one operator a step: bytes for a runtime, not run
// here. Numbers that a call or the expression supplies are inputs, never initializers: the runtime's
// optimiser would take x + 0 for x, which is wrong for −0.

import type { FloatType } from "../../base/dtype.ts";
import { Graph, typeNumber, type Value } from "../../onnx/graph.ts";
import type { Device } from "../../ort/session.ts";
import type { Program } from "../kernel.ts";
import { castOf, type Step, stepsOf } from "../program.ts";
import { roundValue } from "./round.ts";

/** The operator set that BitCast appeared in; only graphs for the CPU use it. */
const BITCAST_OPSET = 26;

export interface LoweringOptions {
  /**
   * `cpu`: half-precision tensors cross as uint16 bit patterns; inputs are cast to loadAs in the graph.
   * `webgpu`: all tensors are float32, inputs already cast; only operators that this provider has are used.
   */
  readonly device: Device;
  /** Whether the graph rounds its result to Program.round; if not, the caller does. */
  readonly roundsResult: boolean;
  /** Number of axes of the elementwise tensors. */
  readonly rank: number;
  /** On the CPU, a choice made by Where turns −0 into +0: faster than the exact choice between bits. */
  readonly losesNegativeZeros?: boolean;
}

/** A graph input and what a call feeds it: float32 or uint16 inputs, int32 draws and bounds, int64 shape. */
export type Feed =
  /** Elementwise: input tensor `index`; the draws of stream `index`. */
  | { readonly name: string; readonly kind: "input" | "draws"; readonly index: number }
  /** One number: scalar `index`; integer `index` as it is, or minus the tile's first element. */
  | {
      readonly name: string;
      readonly kind: "scalar" | "drawBound" | "indexBound";
      readonly index: number;
    }
  | { readonly name: string; readonly kind: "constant"; readonly value: number }
  /** The elementwise tensors' shape, and their number of elements. */
  | { readonly name: string; readonly kind: "shape" | "elements" };

export interface LoweredProgram {
  /** The model; its one output is called `output`. */
  readonly bytes: Uint8Array;
  readonly feeds: readonly Feed[];
}

/** Lowers a program in any arithmetic but f64. Equal programs give equal bytes. */
export function lower(program: Program, options: LoweringOptions): LoweredProgram {
  const steps = stepsOf(program.expression);
  const opset = options.device === "cpu" ? BITCAST_OPSET : undefined;
  const graph = new Graph("elementwise", opset);
  const inputs = declareInputs(graph, program, options);
  const values: Value[] = [];
  for (const step of steps) values.push(lowerStep(graph, program, options, inputs, step, values));
  // A result made of coefficients alone has no axes yet.
  const isUniform = !steps.some(({ node }) =>
    ["input", "indexBelow", "drawBelow"].includes(node.op),
  );
  const last = values.at(-1)!;
  const full = isUniform ? graph.node("Expand", [last, inputs.shape()]) : last;
  const { round } = program;
  const result = options.roundsResult ? roundValue(graph, options.device, round, full) : full;
  const type = elementType(options, program.store);
  graph.output("output", narrow(graph, options, program.store, result), type, axes(options));
  return { bytes: graph.bytes(), feeds: inputs.feeds };
}

const axes = ({ rank }: LoweringOptions): string[] =>
  Array.from({ length: rank }, (_, i) => `axis${i}`);

const elementType = (options: LoweringOptions, type: FloatType): "uint16" | "float32" =>
  options.device === "cpu" && type !== "float32" ? "uint16" : "float32";

/** Inputs come into being when a step asks for them, each once. */
interface Inputs {
  readonly feeds: readonly Feed[];
  input(index: number): Value;
  draws(stream: number): Value;
  scalar(index: number): Value;
  bound(kind: "drawBound" | "indexBound", index: number): Value;
  constant(value: number): Value;
  shape(): Value;
  /** The elements' indices in the tile, int32. */
  indices(): Value;
}

function declareInputs(graph: Graph, program: Program, options: LoweringOptions): Inputs {
  const feeds: Feed[] = [];
  const values = new Map<string, Value>();
  const declare = (
    feed: Feed,
    type: "float32" | "uint16" | "int32" | "int64",
    shape: readonly (string | number)[],
  ): Value => {
    const known = values.get(feed.name);
    if (known !== undefined) return known;
    feeds.push(feed);
    const value = graph.input(feed.name, type, shape);
    values.set(feed.name, value);
    return value;
  };
  const shape = () => declare({ name: "shape", kind: "shape" }, "int64", [options.rank]);
  const makeIndices = (): Value => {
    const [zero, one] = [0, 1].map((value) => graph.constant("int32", [], [value]));
    const elements = declare({ name: "elements", kind: "elements" }, "int32", []);
    return graph.node("Reshape", [graph.node("Range", [zero!, elements, one!]), shape()]);
  };
  return {
    feeds,
    shape,
    input(index) {
      const type = elementType(options, program.inputs[index]!);
      return declare({ name: `input${index}`, kind: "input", index }, type, axes(options));
    },
    draws: (index) =>
      declare({ name: `draws${index}`, kind: "draws", index }, "int32", axes(options)),
    scalar: (index) => declare({ name: `scalar${index}`, kind: "scalar", index }, "float32", []),
    bound: (kind, index) => declare({ name: `${kind}${index}`, kind, index }, "int32", []),
    constant(value) {
      const name = `constant ${Object.is(value, -0) ? "-0" : value}`;
      return declare({ name, kind: "constant", value }, "float32", []);
    },
    indices() {
      const known = values.get("indices") ?? makeIndices();
      values.set("indices", known);
      return known;
    },
  };
}

const OPERATORS = {
  neg: "Neg",
  abs: "Abs",
  add: "Add",
  sub: "Sub",
  mul: "Mul",
  div: "Div",
  lt: "Less",
  le: "LessOrEqual",
  gt: "Greater",
  ge: "GreaterOrEqual",
  eq: "Equal",
  and: "And",
  not: "Not",
} as const;

function lowerStep(
  graph: Graph,
  program: Program,
  options: LoweringOptions,
  inputs: Inputs,
  { node, operands }: Step,
  values: readonly Value[],
): Value {
  const from = operands.map((operand) => values[operand]!);
  const rounded = (value: Value): Value =>
    program.arithmetic === "f64"
      ? value
      : roundValue(graph, options.device, program.arithmetic, value);
  switch (node.op) {
    case "input": {
      const stored = widen(graph, options, program.inputs[node.index]!, inputs.input(node.index));
      const loadAs = castOf(program, node.index);
      if (loadAs === undefined || options.device === "webgpu") return stored;
      return roundValue(graph, options.device, loadAs, stored);
    }
    case "scalar":
      return inputs.scalar(node.index);
    case "constant":
      return inputs.constant(node.value);
    case "sum":
      return rounded(from.reduce((a, b) => graph.node("Add", [a, b]), inputs.constant(0)));
    case "indexBelow":
      return graph.node("Less", [inputs.indices(), inputs.bound("indexBound", node.bound)]);
    case "drawBelow":
      return graph.node("Less", [inputs.draws(node.stream), inputs.bound("drawBound", node.bound)]);
    case "neg":
    case "abs":
    case "add":
    case "sub":
    case "mul":
    case "div":
      return rounded(graph.node(OPERATORS[node.op], from));
    case "lt":
    case "le":
    case "gt":
    case "ge":
    case "eq":
    case "and":
    case "not":
      return graph.node(OPERATORS[node.op], from);
    case "or":
      return either(graph, options, from[0]!, from[1]!);
    case "select":
      return select(graph, options, from[0]!, from[1]!, from[2]!);
    default:
      return node satisfies never;
  }
}

function either(graph: Graph, options: LoweringOptions, a: Value, b: Value): Value {
  if (options.device === "cpu") return graph.node("Or", [a, b]);
  // WebGPU has And and Not, but no Or.
  const [notA, notB] = [a, b].map((mask) => graph.node("Not", [mask]));
  return graph.node("Not", [graph.node("And", [notA!, notB!])]);
}

function select(graph: Graph, options: LoweringOptions, mask: Value, a: Value, b: Value): Value {
  if (options.device === "webgpu" || options.losesNegativeZeros === true) {
    return graph.node("Where", [mask, a, b]);
  }
  const [aBits, bBits] = [a, b].map((x) => graph.node("BitCast", [x], { to: typeNumber("int32") }));
  const chosen = graph.node("Where", [mask, aBits!, bBits!]);
  return graph.node("BitCast", [chosen], { to: typeNumber("float32") });
}

/** Bit patterns to float32, or a float32 as it is. */
function widen(graph: Graph, options: LoweringOptions, type: FloatType, stored: Value): Value {
  if (elementType(options, type) === "float32") return stored;
  const half = graph.node("BitCast", [stored], { to: typeNumber(type) });
  return graph.node("Cast", [half], { to: typeNumber("float32") });
}

/** float32 to the bit patterns of a store, or as it is. */
function narrow(graph: Graph, options: LoweringOptions, type: FloatType, result: Value): Value {
  if (elementType(options, type) === "float32") return result;
  const half = graph.node("Cast", [result], { to: typeNumber(type) });
  return graph.node("BitCast", [half], { to: typeNumber("uint16") });
}
