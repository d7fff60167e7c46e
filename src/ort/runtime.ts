// How onnxruntime-node gets into the process: once, lazily, silent and with its telemetry off. Nothing
// else in the project imports the package. Know that native code reads the real environment, and that a
// worker thread only has a copy of it: the main thread must call disableTelemetry() before it starts workers.

import { createRequire } from "node:module";
import { env } from "node:process";
import { isMainThread } from "node:worker_threads";
import { TsmergeError } from "../base/errors.ts";

export type Runtime = typeof import("onnxruntime-node");

/** onnxruntime 1.30 writes event files under the user's cache unless this is set before it is loaded. */
const TELEMETRY_SWITCH = "ORT_DISABLE_TELEMETRY";

let runtime: Promise<Runtime> | undefined;

/** The installed version, without loading it. */
export function runtimeVersion(): string {
  const manifest = createRequire(import.meta.url)("onnxruntime-node/package.json");
  return (manifest as { version: string }).version; // npm's own file
}

/** Switches onnxruntime's telemetry off for this process and for the workers and children it starts later. */
export function disableTelemetry(): void {
  env[TELEMETRY_SWITCH] = "1";
}

/**
 * The runtime, loaded at the first call.
 * @throws TsmergeError `internal` in a worker thread whose main thread never called disableTelemetry()
 */
export function loadRuntime(): Promise<Runtime> {
  runtime ??= load();
  return runtime;
}

async function load(): Promise<Runtime> {
  if (isMainThread) disableTelemetry();
  else if (env[TELEMETRY_SWITCH] !== "1") {
    throw new TsmergeError(
      "internal",
      `a worker thread loads onnxruntime but ${TELEMETRY_SWITCH} was not set when it started`,
      { hint: "call disableTelemetry() on the main thread before starting workers" },
    );
  }
  const loaded = await import("onnxruntime-node");
  loaded.env.logLevel = "error"; // read once, at the first session; "warning" floods the terminal
  return loaded;
}
