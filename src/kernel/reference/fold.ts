// Folds as plain loops over the reference interpreter's values: the oracle of wasm-fold.ts, and what it
// takes for the few elements behind the last group of eight.

import { DRAWS, draw24 } from "../../base/counter-rng.ts";
import { bytesPerElement } from "../../base/dtype.ts";
import type { Expression } from "../expression.ts";
import {
  BUCKETS,
  type BucketProgram,
  type CompiledCounts,
  type CompiledDrawSums,
  type CompiledSums,
  type Computation,
  DRAW_BUCKETS,
  type FoldCall,
  type SumProgram,
} from "../kernel.ts";
import { interpret } from "./reference.ts";

/** Lanes of a sum. */
const LANES = 8;

/** Sums as CompiledSums defines them. */
export function interpretSums(program: SumProgram): CompiledSums {
  const terms = program.terms.map((term) => term.map((factor) => valuesOf(program, factor)));
  return {
    run(call) {
      const whole = call.elements - (call.elements % LANES);
      return terms.map((factors) => {
        const products = productsOf(factors.map((factor) => factor(call)));
        const lanes = new Float64Array(LANES);
        for (let e = 0; e < whole; e++) lanes[e % LANES]! += products[e]!;
        return total(lanes) + products.subarray(whole).reduce((sum, product) => sum + product, 0);
      });
    },
  };
}

function total([a, b, c, d, e, f, g, h]: Float64Array): number {
  return a! + c! + (e! + g!) + (b! + d! + (f! + h!));
}

function productsOf([x, y]: readonly Float32Array[]): Float64Array {
  return Float64Array.from(x!, (value, e) => (y === undefined ? value : value * y[e]!));
}

/** Counts as CompiledCounts defines them. */
export function interpretCounts(program: BucketProgram): CompiledCounts {
  const values = valuesOf(program, program.expression);
  return {
    run(call, { lowest, highest, shift }, counts) {
      for (const bits of new Uint32Array(values(call).buffer)) {
        const magnitude = bits & 0x7fffffff;
        if (magnitude < lowest) continue;
        counts[magnitude > highest ? BUCKETS : (magnitude - lowest) >>> shift]!++;
      }
    },
  };
}

/** Sums by draw as CompiledDrawSums defines them. */
export function interpretDrawSums(program: BucketProgram): CompiledDrawSums {
  const values = valuesOf(program, program.expression);
  return {
    run(call, sums) {
      const { elements, firstElement, streams, planes } = call;
      const drawOf = (e: number) =>
        program.draws === "planes" ? planes![0]![e]! : draw24(streams![0]!, firstElement + e);
      const whole = elements - (elements % LANES);
      const inGroups = new Float64Array(DRAW_BUCKETS);
      for (const [e, value] of values(call).entries()) {
        const bucket = Math.floor((drawOf(e) * DRAW_BUCKETS) / DRAWS);
        (e < whole ? inGroups : sums)[bucket]! += value;
        if (e === whole - 1) for (let b = 0; b < DRAW_BUCKETS; b++) sums[b]! += inGroups[b]!;
      }
    },
  };
}

/** The values of an expression for the elements of a call. */
function valuesOf(
  { inputs, loadAs, uncast, arithmetic, draws }: Computation,
  expression: Expression,
): (call: FoldCall) => Float32Array<ArrayBuffer> {
  const program = interpret({
    ...{ expression, inputs, arithmetic, draws },
    ...(loadAs === undefined ? {} : { loadAs }),
    ...(uncast === undefined ? {} : { uncast }),
    round: "float32",
    store: "float32",
  });
  return (call) => {
    const values = new Float32Array(call.elements);
    void program.run({ ...call, output: new Uint8Array(values.buffer) }); // interpreted at once
    return values;
  };
}

/** Elements [from, from + elements) of a call. */
export function sliceCall(
  { inputs }: Computation,
  call: FoldCall,
  from: number,
  elements: number,
): FoldCall {
  const widths = inputs.map(bytesPerElement);
  return {
    ...call,
    elements,
    firstElement: call.firstElement + from,
    inputs: call.inputs.map((view, i) =>
      view.subarray(from * widths[i]!, (from + elements) * widths[i]!),
    ),
    ...(call.planes === undefined
      ? {}
      : { planes: call.planes.map((plane) => plane.subarray(from, from + elements)) }),
  };
}
