// Rounding to bfloat16 and float16 as graph nodes. Where there is a Cast to the type (CPU) that is it;
// WebGPU has neither that Cast nor bit operations, so there it is done by float32 additions and products.

import type { FloatType } from "../../base/dtype.ts";
import { type Graph, typeNumber, type Value } from "../../onnx/graph.ts";
import type { Device } from "../../ort/session.ts";

/** A float32 value rounded to a type, as float32: exact on the CPU; see roundByArithmetic for WebGPU. */
export function roundValue(graph: Graph, device: Device, type: FloatType, x: Value): Value {
  if (type === "float32") return x;
  if (device === "webgpu") return roundByArithmetic(graph, type, x);
  const narrow = graph.node("Cast", [x], { to: typeNumber(type) });
  return graph.node("Cast", [narrow], { to: typeNumber("float32") });
}

/**
 * Equals the rounding to nearest, ties to even, of every finite value whose magnitude is 0, or at least the
 * type's smallest normal number and below 2^110 (float16: every finite value of a float16 result that is
 * not −0). NaN stays NaN; a bfloat16 subnormal becomes what the device makes of a float32 one, often 0.
 */
function roundByArithmetic(graph: Graph, type: "bfloat16" | "float16", x: Value): Value {
  const bits = type === "bfloat16" ? 8 : 11;
  const nearest = roundToBits(graph, x, bits);
  // Veltkamp's split may go either way at a tie. The other way is as far off on the other side; it is a
  // tie exactly when that fits the bits too, and the even one of the two fits one bit less.
  const other = graph.node("Add", [x, graph.node("Sub", [x, nearest])]);
  const isTie = graph.node("Equal", [other, roundToBits(graph, other, bits)]);
  const isEven = graph.node("Equal", [nearest, roundToBits(graph, nearest, bits - 1)]);
  const goesOther = graph.node("And", [isTie, graph.node("Not", [isEven])]);
  const normal = graph.node("Where", [goesOther, other, nearest]);
  return type === "bfloat16" ? normal : limitToFloat16(graph, x, normal);
}

/** x to `bits` significant bits: c − (c − x) with c = x·(2^(24−bits) + 1) (Veltkamp 1968). */
function roundToBits(graph: Graph, x: Value, bits: number): Value {
  const factor = graph.constant("float32", [], [2 ** (24 - bits) + 1]);
  const product = graph.node("Mul", [x, factor]);
  return graph.node("Sub", [product, graph.node("Sub", [product, x])]);
}

const SMALLEST_NORMAL_F16 = 2 ** -14;
/** Halfway between float16's largest number and 2^16: from here on it is infinity. */
const PAST_F16 = 65520;

function limitToFloat16(graph: Graph, x: Value, normal: Value): Value {
  const constant = (value: number) => graph.constant("float32", [], [value]);
  const magnitude = graph.node("Abs", [x]);
  // Next to 0.75 the last place of float32 is that of float16's subnormals.
  const aligned = graph.node("Add", [x, constant(0.75)]);
  const subnormal = graph.node("Sub", [aligned, constant(0.75)]);
  const isSubnormal = graph.node("Less", [magnitude, constant(SMALLEST_NORMAL_F16)]);
  const finite = graph.node("Where", [isSubnormal, subnormal, normal]);
  const isInfinite = graph.node("GreaterOrEqual", [magnitude, constant(PAST_F16)]);
  const infinity = graph.node("Mul", [x, constant(Number.POSITIVE_INFINITY)]);
  return graph.node("Where", [isInfinite, infinity, finite]);
}
