// What `tsmerge merge --dry-run` prints.

import { markdownTable } from "markdown-table";
import type { Preflight, PreflightResult, PreflightStage } from "../run/merge/preflight.ts";

/** A merge's forecast as text for people. */
export function renderPreflight(preflight: Preflight): string {
  const { file, outDir, stages, problems } = preflight;
  return [
    ...stages.flatMap((stage) => [
      `${file}, stage ${stage.name}`,
      ...stageLines(stage, preflight),
      "",
    ]),
    `${file} → ${outDir}`,
    ...stageLines(preflight, preflight),
    ...problems.map((problem) => `problem: ${problem}`),
    problems.length === 0 ? "nothing stands in the way" : "this merge would fail",
  ].join("\n");
}

function stageLines({ models, result }: PreflightStage, room: Preflight): string[] {
  const rows = models.map(({ reference, tensors, parameters, bytes }) => [
    reference,
    String(tensors),
    count(parameters),
    size(bytes),
  ]);
  const table = markdownTable([["model", "tensors", "parameters", "size"], ...rows], {
    align: ["l", "r", "r", "r"],
  });
  return [
    ...(rows.length === 0 ? [] : [table]),
    ...(result === undefined ? [] : resultLines(result, room)),
  ];
}

function resultLines(
  result: PreflightResult,
  { freeMemoryBytes, freeDiskBytes }: Preflight,
): string[] {
  const { method, seed, layers, tensors, parameters, shards, threads } = result;
  const depth = layers === undefined ? "" : `${layers} layers, `;
  return [
    `result: ${method}, seed ${seed}: ${depth}${tensors} tensors, ${count(parameters)} parameters in ${shards} file${shards === 1 ? "" : "s"}`,
    `disk: reads ${size(result.readBytes)}, writes ${size(result.writtenBytes)} of ${size(freeDiskBytes)} free`,
    `memory: at most ${size(result.memoryBytes)} on ${threads} thread${threads === 1 ? "" : "s"}, ${size(freeMemoryBytes)} free`,
    `time: about ${duration(result.seconds)} at the speed that the first parent reads with`,
  ];
}

function count(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} G`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  return value >= 1e3 ? `${(value / 1e3).toFixed(1)} k` : String(value);
}

function size(bytes: number): string {
  if (bytes >= 2 ** 30) return `${(bytes / 2 ** 30).toFixed(2)} GiB`;
  return bytes >= 2 ** 20 ? `${Math.round(bytes / 2 ** 20)} MiB` : `${Math.ceil(bytes / 1024)} KiB`;
}

function duration(seconds: number): string {
  if (seconds < 1) return "a second";
  return seconds < 90 ? `${Math.round(seconds)} seconds` : `${Math.round(seconds / 60)} minutes`;
}
