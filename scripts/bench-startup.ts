// How long `tsmerge --help` takes over a bare `node -e 0`: built files, medians of alternating runs.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Row } from "./row.ts";

const ROUNDS = 15;
const PROGRAM = join(import.meta.dirname, "../dist/cli/tsmerge.js");

function milliseconds(words: readonly string[]): number {
  const started = performance.now();
  const { status } = spawnSync(process.execPath, words, { stdio: "ignore" });
  if (status !== 0) throw new Error(`node ${words.join(" ")} exited with ${status}`);
  return performance.now() - started;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

export function benchStartup(): Row[] {
  const bare: number[] = [];
  const help: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    bare.push(milliseconds(["-e", "0"]));
    help.push(milliseconds([PROGRAM, "--help"]));
  }
  return [
    {
      name: "tsmerge --help over node -e 0",
      value: median(help) - median(bare),
      unit: "ms",
      target: "≤ 60 ms",
    },
  ];
}
