// What a merge would take and make, before it is begun: sizes from headers, room from the file system, and
// every way in which the models do not fit. No weights are read, but for one short look at how fast.

import { open, stat } from "node:fs/promises";
import { freemem } from "node:os";
import { join } from "node:path";
import { bytesPerElement } from "../../base/dtype.ts";
import { diskSpace, mebibytes, roomProblems } from "../../checkpoint/disk-space.ts";
import { weightFiles } from "../../checkpoint/folder.ts";
import { byteLengthOf } from "../../checkpoint/layout.ts";
import { parseShardSize } from "../../checkpoint/shard-size.ts";
import { planShards } from "../../checkpoint/shards.ts";
import { memoryOf } from "../../merge/files/tiles.ts";
import { type MergePlan, outputsOf, type TensorPlan } from "../../merge/plan.ts";
import { elementsOf } from "../../merge/tensor-pass.ts";
import type { LoadedModel, LoadedModels } from "../../recipe/compile/models.ts";
import { type MergeFileOptions, threadsFor } from "./merge.ts";
import { type PlannedMerge, readStages } from "./planned-merge.ts";
import { stagesFolder } from "./stages.ts";
import { type SurveyedStage, surveyStages } from "./survey.ts";

export interface PreflightModel {
  readonly reference: string;
  readonly directory: string;
  readonly tensors: number;
  readonly parameters: number;
  readonly bytes: number;
}

/** Absent where the models do not fit together. */
export interface PreflightResult {
  readonly method: string;
  readonly seed: number;
  /** Undefined for an architecture that does not say. */
  readonly layers: number | undefined;
  readonly tensors: number;
  readonly parameters: number;
  readonly shards: number;
  readonly threads: number;
  /** Once over the parents; statistics may read a tensor again. */
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly memoryBytes: number;
  readonly seconds: number;
}

/** One merge: of the file's output, or of a stage that it builds on. */
export interface PreflightStage {
  readonly models: readonly PreflightModel[];
  readonly result: PreflightResult | undefined;
}

export interface Preflight extends PreflightStage {
  readonly file: string;
  readonly outDir: string;
  /** What is merged first; stages that are there already are not among them. */
  readonly stages: readonly (PreflightStage & { readonly name: string })[];
  readonly freeMemoryBytes: number;
  readonly freeDiskBytes: number;
  /** Sentences; a merge would fail on any of them. */
  readonly problems: readonly string[];
}

/** Looks at a merge. Throws as readStages and surveyStages; that models do not fit is a problem, not an error. */
export async function preflight(
  options: MergeFileOptions,
  onNote: (note: string) => void,
): Promise<Preflight> {
  const shardBytes = parseShardSize(options.shardSize);
  const workDir = stagesFolder(options);
  const recipes = await readStages(options, onNote);
  const surveyed = await surveyStages(recipes, options, workDir, onNote);
  const problems = surveyed.flatMap(problemsOf);
  const first = surveyed[0]!; // the output is always still to be made
  const bytesPerSecond = await readRate([...first.opened.models.values()][0]!);
  const stages = surveyed.map(({ name, opened: { models }, planned }) => {
    const result = planned && resultOf(planned, options, shardBytes, bytesPerSecond, onNote);
    return { name, models: [...models.values()].map(factsOf), result };
  });
  const { freeBytes: freeDiskBytes } = await diskSpace(options.outDir);
  const freeMemoryBytes = freemem();
  const demands = stages.map(({ name, result }) => {
    return {
      folder: name === undefined ? options.outDir : workDir,
      bytes: result?.writtenBytes ?? 0,
    };
  });
  problems.push(...(await roomProblems(demands)));
  const memoryBytes = Math.max(...stages.map(({ result }) => result?.memoryBytes ?? 0));
  if (memoryBytes > freeMemoryBytes) {
    problems.push(
      `${mebibytes(freeMemoryBytes)} of memory are free of ${mebibytes(memoryBytes)} needed`,
    );
  }
  const output = stages.find(({ name }) => name === undefined);
  return {
    file: options.file,
    outDir: options.outDir,
    models: output?.models ?? [],
    result: output?.result,
    stages: stages.flatMap(({ name, ...stage }) => (name === undefined ? [] : { name, ...stage })),
    ...{ freeMemoryBytes, freeDiskBytes, problems },
  };
}

function problemsOf({ name, opened, problem }: SurveyedStage): string[] {
  if (problem === undefined) return [];
  const sentences = [...new Set([problem.message, ...conflictsOf(opened.models)])];
  return name === undefined ? sentences : sentences.map((one) => `stage ${name}: ${one}`);
}

function resultOf(
  { plan, recipe, models, seed }: PlannedMerge,
  options: MergeFileOptions,
  shardBytes: number,
  bytesPerSecond: number,
  onNote: (note: string) => void,
): PreflightResult {
  const outputs = outputsOf(plan);
  const copied = (plan.copies ?? []).reduce((sum, tensor) => sum + byteLengthOf(tensor), 0);
  const shards = planShards(outputs, { shardBytes });
  const writtenBytes = shards.reduce((total, { layout }) => total + layout.fileBytes, 0);
  const readBytes = plan.tensors.reduce(
    (sum, tensor) => sum + sourceBytes(plan, tensor, models),
    copied,
  );
  const threads = threadsFor(plan, options, onNote);
  const layers = Object.entries(plan.config).find(([key]) =>
    /^(num_hidden_layers|n_layers?|num_layers)$/.test(key),
  );
  return {
    method: recipe.method,
    seed,
    layers: typeof layers?.[1] === "number" ? layers[1] : undefined,
    tensors: outputs.length,
    parameters: outputs.reduce((sum, { shape }) => sum + elementsOf(shape), 0),
    shards: shards.length,
    threads,
    readBytes,
    writtenBytes,
    memoryBytes: memoryOf(plan.tensors, threads),
    seconds: (readBytes + writtenBytes) / bytesPerSecond,
  };
}

function factsOf({ reference, directory, tensors }: LoadedModel): PreflightModel {
  const all = [...tensors.values()];
  return {
    reference,
    directory,
    tensors: all.length,
    parameters: all.reduce((sum, { elements }) => sum + elements, 0),
    bytes: all.reduce((sum, { byteLength }) => sum + byteLength, 0),
  };
}

/** Bytes of a tensor's inputs as they are stored. */
function sourceBytes(plan: MergePlan, tensor: TensorPlan, models: LoadedModels): number {
  const folders = new Map([...models.values()].map((model) => [model.location, model]));
  return tensor.sources.reduce((sum, { model, name }) => {
    const stored = folders.get(plan.models[model]!)?.tensors.get(name);
    // an input that is made while it is read, such as base+adapter, counts as its output does
    return sum + (stored?.byteLength ?? elementsOf(tensor.shape) * bytesPerElement(tensor.dtype));
  }, 0);
}

/** Conflicts listed of each pair at most. */
const MOST_LISTED = 5;

/** Every tensor that has one name and two shapes, by pair with the first model. */
function conflictsOf(models: LoadedModels): string[] {
  const [first, ...others] = models.values();
  if (first === undefined) return [];
  return others.flatMap((other) => {
    const unlike = [...first.tensors.values()].flatMap(({ name, shape }) => {
      const its = other.tensors.get(name)?.shape;
      if (its === undefined || its.join() === shape.join()) return [];
      return [
        `${name} is [${shape.join(", ")}] in ${first.reference} and [${its.join(", ")}] in ${other.reference}`,
      ];
    });
    const rest = unlike.length - MOST_LISTED;
    const listed = unlike.slice(0, MOST_LISTED);
    return rest > 0 ? [...listed, `and ${rest} more tensors of ${other.reference}`] : listed;
  });
}

/** As much as is read to see how fast the disk is. */
const SAMPLE_BYTES = 2 ** 25;

/** Bytes a second that the first weights of a model come at; faster than later ones if they are cached. */
async function readRate({ directory }: LoadedModel): Promise<number> {
  const { files } = await weightFiles(directory);
  const path = join(directory, files[0]!); // weightFiles never answers with none
  const { size } = await stat(path);
  const sample = new Uint8Array(Math.min(size, SAMPLE_BYTES));
  const handle = await open(path);
  try {
    const start = performance.now();
    await handle.read(sample, 0, sample.length, 0);
    return sample.length / Math.max(1e-4, (performance.now() - start) / 1000);
  } finally {
    await handle.close();
  }
}
