// The two ways in which files hold a layer's experts: a tensor for each expert and matrix, as transformers wrote
// them up to version 4, or two tensors for all experts. A model in one layout seen in the other is names and
// ranges of its stored tensors; no weight is moved before it is read.

import type { TensorInfo, TensorPart } from "../../checkpoint/checkpoint.ts";
import { byteLengthOf } from "../../checkpoint/layout.ts";

/** How a model's files name the experts of a layer. */
export interface ExpertLayout {
  readonly isPacked: boolean;
  /** The module that holds router and experts. */
  readonly module: string;
  /** The three matrices; of meaning where they are separate. */
  readonly matrices: Matrices<string>;
}

/** Rows [inner, hidden] of gate and up, [hidden, inner] of down. */
interface Matrices<Value> {
  readonly gate: Value;
  readonly up: Value;
  readonly down: Value;
}

const PROJECTIONS = { gate: "gate_proj", up: "up_proj", down: "down_proj" } as const;
/** Mixtral's names. */
const LETTERS = { gate: "w1", up: "w3", down: "w2" } as const;

const PACKED = /^(?:.*\.)?(\w+)\.experts\.gate_up_proj$/;
const SEPARATE = /^(?:.*\.)?(\w+)\.experts\.0\.(gate_proj|w1)\.weight$/;

/** The layout of a model's experts; undefined without experts, and for layouts that have no other form. */
export function expertLayout(tensors: ReadonlyMap<string, TensorInfo>): ExpertLayout | undefined {
  for (const name of tensors.keys()) {
    const packed = PACKED.exec(name)?.[1];
    if (packed !== undefined) return { isPacked: true, module: packed, matrices: PROJECTIONS };
    const [, module, first] = SEPARATE.exec(name) ?? [];
    if (module === undefined) continue;
    const matrices = first === LETTERS.gate ? LETTERS : PROJECTIONS;
    return { isPacked: false, module, matrices };
  }
  return undefined;
}

export function areAlike(one: ExpertLayout, other: ExpertLayout): boolean {
  const key = ({ isPacked, module, matrices }: ExpertLayout) =>
    `${module} ${isPacked || matrices.gate}`;
  return key(one) === key(other);
}

export interface RelaidTensors {
  /** The model's tensors with the experts as the other layout has them. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** What makes up each tensor that no file holds: parts laid end to end. */
  readonly views: ReadonlyMap<string, readonly TensorPart[]>;
}

/** One expert's matrix where it is stored. */
interface Matrix {
  readonly part: TensorPart;
  readonly rows: number;
  readonly columns: number;
  readonly dtype: TensorInfo["dtype"];
}

/**
 * A model's tensors in another layout. Layers whose experts are incomplete or of unlike shapes stay as they are,
 * to be missed by name where they are needed.
 */
export function relaidTensors(
  stored: ReadonlyMap<string, TensorInfo>,
  from: ExpertLayout,
  to: ExpertLayout,
): RelaidTensors {
  const tensors = new Map(stored);
  const views = new Map<string, readonly TensorPart[]>();
  const add = (name: string, shape: readonly number[], matrices: readonly Matrix[]) => {
    const { dtype } = matrices[0]!; // there is one expert at least
    const elements = shape.reduce((product, size) => product * size, 1);
    const byteLength = byteLengthOf({ name, dtype, shape });
    tensors.set(name, { name, dtype, shape, elements, byteLength });
    views.set(
      name,
      matrices.map(({ part }) => part),
    );
  };
  for (const block of blocksOf(stored, from)) {
    const experts = expertsOf(stored, block, from);
    if (experts.length === 0) continue;
    const own = `${block}${from.module}`;
    const other = `${block}${to.module}`;
    for (const name of namesOf(own, from, experts.length)) tensors.delete(name);
    const router = stored.get(`${own}.gate.weight`);
    if (router !== undefined && own !== other) {
      tensors.delete(router.name);
      const name = `${other}.gate.weight`;
      tensors.set(name, { ...router, name });
      views.set(name, [{ name: router.name, firstElement: 0, elements: router.elements }]);
    }
    const { rows, columns } = experts[0]!.gate;
    if (to.isPacked) {
      const shape = [experts.length, 2 * rows, columns];
      add(
        `${other}.experts.gate_up_proj`,
        shape,
        experts.flatMap(({ gate, up }) => [gate, up]),
      );
      const downs = experts.map(({ down }) => down);
      add(`${other}.experts.down_proj`, [experts.length, columns, rows], downs);
      continue;
    }
    for (const [index, expert] of experts.entries()) {
      for (const kind of KINDS) {
        const matrix = expert[kind];
        const name = `${other}.experts.${index}.${to.matrices[kind]}.weight`;
        add(name, [matrix.rows, matrix.columns], [matrix]);
      }
    }
  }
  return { tensors, views };
}

const KINDS = ["gate", "up", "down"] as const;

/** What stands before the module in each layer that has experts. */
function blocksOf(stored: ReadonlyMap<string, TensorInfo>, { module }: ExpertLayout): Set<string> {
  const blocks = new Set<string>();
  for (const name of stored.keys()) {
    const at = name.indexOf(`${module}.experts.`);
    if (at === 0 || name[at - 1] === ".") blocks.add(name.slice(0, at));
  }
  return blocks;
}

/** The names that a layer's experts have. */
function namesOf(own: string, { isPacked, matrices }: ExpertLayout, count: number): string[] {
  if (isPacked) return [`${own}.experts.gate_up_proj`, `${own}.experts.down_proj`];
  return Array.from({ length: count }, (_, index) =>
    KINDS.map((kind) => `${own}.experts.${index}.${matrices[kind]}.weight`),
  ).flat();
}

/** A layer's experts in order; none where they do not make a layer: one is missing, or they are unlike. */
function expertsOf(
  stored: ReadonlyMap<string, TensorInfo>,
  block: string,
  layout: ExpertLayout,
): Matrices<Matrix>[] {
  const own = `${block}${layout.module}`;
  if (layout.isPacked) {
    const [gateUp, down] = namesOf(own, layout, 1).map((name) => stored.get(name));
    return gateUp === undefined || down === undefined ? [] : unpacked(gateUp, down);
  }
  const count = expertCount(stored, `${own}.experts.`);
  const experts: Matrices<Matrix>[] = [];
  for (let index = 0; index < count; index++) {
    const whole = (kind: keyof Matrices<Matrix>): Matrix | undefined => {
      const name = `${own}.experts.${index}.${layout.matrices[kind]}.weight`;
      const tensor = stored.get(name);
      if (tensor?.shape.length !== 2) return undefined;
      const [rows, columns] = [tensor.shape[0]!, tensor.shape[1]!];
      const part = { name, firstElement: 0, elements: tensor.elements };
      return { part, rows, columns, dtype: tensor.dtype };
    };
    const [gate, up, down] = [whole("gate"), whole("up"), whole("down")];
    if (gate === undefined || up === undefined || down === undefined) return [];
    const first = experts[0]?.gate ?? gate;
    const shape = `${first.rows} ${first.columns} ${first.dtype}`;
    const fits =
      shape === `${gate.rows} ${gate.columns} ${gate.dtype}` &&
      shape === `${up.rows} ${up.columns} ${up.dtype}` &&
      shape === `${down.columns} ${down.rows} ${down.dtype}`;
    if (!fits) return [];
    experts.push({ gate, up, down });
  }
  return experts;
}

/** One more than the largest number of an expert that has a tensor. */
function expertCount(stored: ReadonlyMap<string, TensorInfo>, prefix: string): number {
  let count = 0;
  for (const name of stored.keys()) {
    if (!name.startsWith(prefix)) continue;
    const index = Number.parseInt(name.slice(prefix.length), 10);
    if (index >= count) count = index + 1;
  }
  return count;
}

/** gate_up [experts, 2·inner, hidden] with gate over up, and down [experts, hidden, inner]. */
function unpacked(gateUp: TensorInfo, down: TensorInfo): Matrices<Matrix>[] {
  const [count = 0, double = 0, hidden = 0] = gateUp.shape;
  const inner = double / 2;
  if (down.shape.join() !== [count, hidden, inner].join() || gateUp.dtype !== down.dtype) return [];
  const elements = inner * hidden;
  const at = (
    { name, dtype }: TensorInfo,
    index: number,
    rows: number,
    columns: number,
  ): Matrix => {
    const part = { name, firstElement: index * elements, elements };
    return { part, rows, columns, dtype };
  };
  return Array.from({ length: count }, (_, index) => ({
    gate: at(gateUp, 2 * index, inner, hidden),
    up: at(gateUp, 2 * index + 1, inner, hidden),
    down: at(down, index, hidden, inner),
  }));
}
