// Whether WebGPU works here, found out in a child process: a driver that aborts takes only the child.

import { fork } from "node:child_process";
import { extname } from "node:path";

export interface WebGpuProbe {
  readonly available: boolean;
  /** What the child computed with, or why it could not: one line. */
  readonly detail: string;
}

/** Long enough for a software device to compile its first shader. */
const TIMEOUT_MS = 30_000;

/** Runs one WebGPU product in a child process. Never throws. */
export function probeWebGpu(): Promise<WebGpuProbe> {
  const script = new URL(`./probe-child${extname(import.meta.filename)}`, import.meta.url);
  return new Promise((resolve) => {
    const child = fork(script, { stdio: ["ignore", "ignore", "ignore", "ipc"] });
    const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS);
    let told: WebGpuProbe | undefined;
    child.on("message", (message) => {
      told = message as WebGpuProbe; // sent by probe-child.ts, nobody else
    });
    child.on("error", (error) => {
      told ??= { available: false, detail: error.message };
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const ended = signal === null ? `exit code ${code}` : signal;
      const died = { available: false, detail: `the trial process died (${ended})` };
      resolve(code === 0 ? (told ?? died) : { ...(told ?? died), available: false });
    });
  });
}
