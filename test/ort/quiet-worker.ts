// Run by telemetry.test.ts: a session in a worker thread, which only works once the main thread has
// switched telemetry off.

import assert from "node:assert/strict";
import { Worker } from "node:worker_threads";
import { disableTelemetry } from "../../src/ort/runtime.ts";

/** Worker threads do not inherit the TypeScript loader on Node 20. */
const bootstrap = (script: string) => `
  import("tsx/esm/api").then(({ register }) => { register(); return import("${script}"); });
`;

function run(): Promise<void> {
  const script = new URL("./quiet-session.ts", import.meta.url).href;
  return new Promise((resolve, reject) => {
    const worker = new Worker(bootstrap(script), { eval: true });
    worker.on("error", reject);
    worker.on("exit", () => resolve());
  });
}

await assert.rejects(run(), /ORT_DISABLE_TELEMETRY was not set/);
disableTelemetry();
await run();
