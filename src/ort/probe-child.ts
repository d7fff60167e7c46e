// The child process of probe.ts: one small product on WebGPU, its outcome sent to the parent. Only to be forked.

import { renderError } from "../base/errors.ts";
import { Graph } from "../onnx/graph.ts";
import type { WebGpuProbe } from "./probe.ts";
import { createSession } from "./session.ts";
import { floats } from "./tensor.ts";

async function probe(): Promise<WebGpuProbe> {
  const graph = new Graph("probe");
  const x = graph.input("x", "float32", [2, 2]);
  graph.output("y", graph.node("MatMul", [x, x]), "float32", [2, 2]);
  const session = await createSession(graph.bytes(), { device: "webgpu", refuseCpuFallback: true });
  const data = Float32Array.of(1, 2, 3, 4);
  const { y } = await session.run({ x: { type: "float32", shape: [2, 2], data } });
  await session.close();
  const product = floats(y).join();
  return product === "7,10,15,22"
    ? { available: true, detail: "a product came out right" }
    : { available: false, detail: `a product came out wrong: ${product}` };
}

try {
  process.send?.(await probe());
} catch (error) {
  process.send?.({ available: false, detail: renderError(error).split("\n")[0] ?? "" });
}
process.disconnect?.();
