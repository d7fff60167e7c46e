// Run by telemetry.test.ts in a process or a worker of its own: creates and runs one session.

import { Graph } from "../../src/onnx/graph.ts";
import { createSession } from "../../src/ort/session.ts";

const graph = new Graph("quiet");
const x = graph.input("x", "float32", [1]);
graph.output("y", graph.node("Neg", [x]), "float32", [1]);
const session = await createSession(graph.bytes(), { device: "cpu", threads: 1 });
await session.run({ x: { type: "float32", shape: [1], data: Float32Array.of(1) } });
await session.close();
