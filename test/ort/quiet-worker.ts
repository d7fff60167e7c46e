// Run by telemetry.test.ts: a session in a worker thread, which only works once the main thread has
// switched telemetry off.

import assert from "node:assert/strict";
import { Worker } from "node:worker_threads";
import { disableTelemetry } from "../../src/ort/runtime.ts";

const script = new URL("./quiet-session.ts", import.meta.url);

function run(): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(script);
    worker.on("error", reject);
    worker.on("exit", () => resolve());
  });
}

await assert.rejects(run(), /call disableTelemetry|was not set/);
disableTelemetry();
await run();
