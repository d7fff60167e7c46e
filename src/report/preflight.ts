// What `tsmerge merge --dry-run` prints.

import { markdownTable } from "markdown-table";
import type { Preflight, PreflightResult, PreflightStage } from "../run/merge/preflight.ts";
import { countText, sizeText } from "./quantity.ts";

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
    countText(parameters),
    sizeText(bytes),
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
    `result: ${method}, seed ${seed}: ${depth}${tensors} tensors, ${countText(parameters)} parameters in ${shards} file${shards === 1 ? "" : "s"}`,
    `disk: reads ${sizeText(result.readBytes)}, writes ${sizeText(result.writtenBytes)} of ${sizeText(freeDiskBytes)} free`,
    `memory: at most ${sizeText(result.memoryBytes)} on ${threads} thread${threads === 1 ? "" : "s"}, ${sizeText(freeMemoryBytes)} free`,
    `time: about ${duration(result.seconds)} at the speed that the first parent reads with`,
  ];
}

function duration(seconds: number): string {
  if (seconds < 1) return "a second";
  return seconds < 90 ? `${Math.round(seconds)} seconds` : `${Math.round(seconds / 60)} minutes`;
}
