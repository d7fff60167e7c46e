// One output tensor made ready to run: its method's expression compiled, its coefficients computed, its
// mask draws opened. Every way to merge (to files, to resident memory, on a device) prepares its tensors
// here; the two on the host run the same pass too, which is why they give the same bits.

import type { StreamKey } from "../base/counter-rng.ts";
import type { FloatType } from "../base/dtype.ts";
import { TsmergeError } from "../base/errors.ts";
import type { CompiledProgram, Kernel, Program } from "../kernel/kernel.ts";
import {
  counterGenerator,
  type MaskGenerator,
  sequentialGenerator,
  type TensorDraws,
} from "./draws.ts";
import type { FixName } from "./fixes.ts";
import type { MergeMethod, PlaneFill, TensorMerge } from "./method.ts";
import { methodNamed } from "./methods/registry.ts";
import type { MergePlan, TensorPlan } from "./plan.ts";
import type { TensorFacts } from "./statistics/statistics.ts";

/** A tensor's merge, to be run tile by tile in element order, each element once. */
export interface TensorPass {
  run(
    firstElement: number,
    elements: number,
    inputs: readonly Uint8Array[],
    output: Uint8Array,
  ): void | Promise<void>;
  /** What the default computes otherwise than mergekit; asked for after the pass, when facts are known. */
  fixes(): Promise<readonly FixName[]>;
}

/** What a tensor's inputs are, besides their plan. */
export interface TensorOperands {
  /** Stored type of each source. */
  readonly types: readonly FloatType[];
  readonly facts: TensorFacts;
  /** What the output is stored as: the plan's type, or float32 (rounded to the plan's type) for a decoder. */
  readonly store: FloatType;
}

/** A tensor's merge with every number computed: what any back end needs to run it. */
export interface PreparedMerge {
  readonly method: MergeMethod;
  readonly merge: TensorMerge;
  readonly scalars: Float64Array;
  readonly integers: Uint32Array;
  readonly draws: TensorDraws;
  /** How many mask streams the expression draws from. */
  readonly streams: number;
  /** The planes that the expression reads after the inputs. */
  readonly planes: readonly PlaneFill[];
  /** As TensorPass.fixes. */
  readonly fixes: () => Promise<readonly FixName[]>;
}

/** Compiled programs by what tells them apart, so that no expression is built twice. */
export type ProgramCache<Compiled = CompiledProgram> = Map<string, Compiled>;

/** The generator of a plan's masks; tensors must be asked for in plan order, from where `state` was taken. */
export function maskGenerator(
  plan: Pick<MergePlan, "compat" | "seed">,
  state?: readonly number[],
): MaskGenerator {
  return plan.compat ? sequentialGenerator(plan.seed, state) : counterGenerator(plan.seed);
}

/** Whether tensors must be merged one after another, because each draws where the one before it stopped. */
export function drawsInOrder(plan: MergePlan): boolean {
  const draws = (tensor: TensorPlan) => {
    const method = methodNamed(tensor.method);
    return method.streams(tensorMerge(tensor, method, true)).length > 0;
  };
  return plan.compat && plan.tensors.some(draws);
}

/** The number of elements of a shape; 1 for a scalar. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The type a tensor's merge is computed in: its method's own, or the plan's. */
export function arithmeticOf(tensor: TensorPlan): TensorMerge["arithmetic"] {
  return methodNamed(tensor.method).arithmetic ?? tensor.arithmetic;
}

function tensorMerge(tensor: TensorPlan, method: MergeMethod, compat: boolean): TensorMerge {
  if (method.base === "required" && tensor.base === undefined) {
    throw new TsmergeError("incompatible", `the base model has no tensor ${tensor.name}`, {
      hint: `${method.name} measures every model against a base; name another base_model`,
    });
  }
  return {
    inputs: tensor.sources.length,
    base: tensor.base,
    global: tensor.global,
    perModel: tensor.perModel,
    shape: tensor.shape,
    elements: elementsOf(tensor.shape),
    arithmetic: method.arithmetic ?? tensor.arithmetic,
    compat,
  };
}

/** What a tensor's facts depend on: the files of its sources, its base and the types they are read in. */
export function factsKey(plan: MergePlan, tensor: TensorPlan): string {
  const sources = tensor.sources.map(({ model, name, rows }) => [
    plan.models[model],
    name,
    rows?.key,
  ]);
  return JSON.stringify([sources, tensor.base, tensor.loadAs, arithmeticOf(tensor)]);
}

/**
 * Computes the statistics a tensor's method asks for, and from them its numbers; undefined if it has no elements.
 * Takes its draws from `masks`, also when the method draws nothing, so call it once a tensor, in plan order.
 * Throws TsmergeError `numeric` when parameters have no meaning (weights that sum to 0).
 */
export async function prepareMerge(
  masks: MaskGenerator,
  compat: boolean,
  tensor: TensorPlan,
  facts: TensorFacts,
): Promise<PreparedMerge | undefined> {
  const method = methodNamed(tensor.method);
  const merge = tensorMerge(tensor, method, compat);
  const inputs = method.streams(merge);
  const models = inputs.map((i) => (merge.base !== undefined && i > merge.base ? i - 1 : i));
  const draws = masks.tensor(tensor.name, method.draws?.(merge) ?? merge.elements, models);
  if (merge.elements === 0) return undefined;
  // bfloat16 sums are rounded so coarsely that the order of summing does not show
  const statistics = facts.statistics(draws, compat && merge.arithmetic !== "bfloat16");
  const { scalars, integers } = await method.coefficients(merge, statistics);
  const planes = (await method.planes?.(merge, statistics)) ?? [];
  return {
    method,
    merge,
    scalars: Float64Array.from(scalars),
    integers: Uint32Array.from(integers),
    draws,
    streams: method.planes === undefined ? inputs.length : 0, // planes take the draws in
    planes,
    fixes: async () => (compat ? [] : ((await method.fixes?.(merge, statistics)) ?? [])),
  };
}

/** Prepares one tensor for a kernel: as prepareMerge, and compiles its program. */
export async function prepareTensor(
  kernel: Kernel,
  programs: ProgramCache,
  masks: MaskGenerator,
  compat: boolean,
  tensor: TensorPlan,
  { types, facts, store }: TensorOperands,
): Promise<TensorPass> {
  const prepared = await prepareMerge(masks, compat, tensor, facts);
  if (prepared === undefined) return { run() {}, fixes: async () => [] };
  const { draws, streams, scalars, integers, planes, fixes } = prepared;
  const form: ProgramForm = {
    inputs: [...types, ...planes.map(() => "float32" as const)],
    ...(tensor.loadAs === undefined ? {} : { loadAs: tensor.loadAs }),
    ...(planes.length === 0 ? {} : { uncast: planes.length }),
    round: tensor.dtype,
    store,
    draws: compat ? "planes" : "counter",
  };
  const program = await compiledOnce(programs, prepared, form, (p) => kernel.compile(p));
  const call = { scalars, integers };
  const draw = drawing(draws.keys, streams, (stream) => draws.reader(stream));
  const run = (
    firstElement: number,
    inputs: readonly Uint8Array[],
    output: Uint8Array,
    n: number,
  ) => program.run({ elements: n, firstElement, inputs, output, ...call, ...draw(n) });
  if (planes.length === 0) {
    return { run: (first, elements, views, output) => run(first, views, output, elements), fixes };
  }
  return {
    fixes,
    async run(first, elements, views, output) {
      const filled = await fillPlanes(planes, first, elements);
      await run(first, [...views, ...filled], output, elements);
    },
  };
}

/** The bytes of each plane for one tile. */
async function fillPlanes(
  planes: readonly PlaneFill[],
  firstElement: number,
  elements: number,
): Promise<Uint8Array[]> {
  const filled: Uint8Array[] = [];
  for (const fill of planes) {
    const plane = new Float32Array(elements);
    await fill(plane, firstElement);
    filled.push(new Uint8Array(plane.buffer));
  }
  return filled;
}

/** The draws of the next tile: keys as they are, or planes filled from readers opened once. */
function drawing(
  keys: readonly StreamKey[] | undefined,
  streams: number,
  open: (stream: number) => (plane: Uint32Array) => void,
): (elements: number) => { streams: readonly StreamKey[] } | { planes: readonly Uint32Array[] } {
  if (keys !== undefined) return () => ({ streams: keys });
  const readers = Array.from({ length: streams }, (_, stream) => open(stream));
  let buffers = readers.map(() => new Uint32Array(0));
  return (elements) => {
    if (buffers.some((buffer) => buffer.length < elements)) {
      buffers = readers.map(() => new Uint32Array(elements));
    }
    const planes = buffers.map((buffer) => buffer.subarray(0, elements));
    for (const [stream, fill] of readers.entries()) fill(planes[stream]!);
    return { planes };
  };
}

/** What a program is besides its merge. */
export type ProgramForm = Omit<Program, "expression" | "arithmetic">;

/** The program of a merge, built and compiled when `programs` does not hold it. */
export async function compiledOnce<Compiled>(
  programs: ProgramCache<Compiled>,
  { method, merge }: PreparedMerge,
  form: ProgramForm,
  compile: (program: Program) => Compiled | Promise<Compiled>,
): Promise<Compiled> {
  const arithmetic = merge.compat && method.promotes ? "float32" : merge.arithmetic;
  const key = `${method.name} ${method.variant(merge)} ${JSON.stringify({ ...form, arithmetic })}`;
  const known = programs.get(key);
  if (known !== undefined) return known;
  const program = await compile({ ...form, arithmetic, expression: method.expression(merge) });
  programs.set(key, program);
  return program;
}
