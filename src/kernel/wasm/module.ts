// An assembler for the few WebAssembly instructions that fused passes need, as functions that return
// bytes: an instruction's operands are its arguments. Not a compiler: nothing is checked until
// `new WebAssembly.Module`. Opcodes are those of the WebAssembly 2.0 specification, appendix "Index of Instructions".

/** Encoded instructions that leave at most one value on the stack. */
export type Code = readonly number[];

/** Value types as the binary format numbers them. */
export const I32 = 0x7f;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const V128 = 0x7b;
export type ValueType = typeof I32 | typeof F32 | typeof F64 | typeof V128;

const EMPTY_BLOCK = 0x40;
const SIMD_PREFIX = 0xfd;

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    bytes.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
    rest >>>= 7;
  } while (rest !== 0);
  return bytes;
}

function signed(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value | 0; ; rest >>= 7) {
    const ends = rest >= -0x40 && rest < 0x40;
    bytes.push(ends ? rest & 0x7f : (rest & 0x7f) | 0x80);
    if (ends) return bytes;
  }
}

const simd = (opcode: number): number[] => [SIMD_PREFIX, ...unsigned(opcode)];

/** An instruction of two operands. */
const binary =
  (...opcode: number[]) =>
  (a: Code, b: Code): Code => [...a, ...b, ...opcode];

const unary =
  (...opcode: number[]) =>
  (x: Code): Code => [...x, ...opcode];

/** A load or store address needs no alignment: the hint is 2^0. */
const memoryArgument = (offset: number): number[] => [0, ...unsigned(offset)];

const load =
  (opcode: number) =>
  (address: Code, offset: number): Code => [...address, ...simd(opcode), ...memoryArgument(offset)];

/** By a number of bits, or by what leaves one on the stack. */
const shift =
  (opcode: number) =>
  (x: Code, bits: number | Code): Code => [
    ...x,
    ...(typeof bits === "number" ? i32.const(bits) : bits),
    ...simd(opcode),
  ];

export const local = {
  get: (index: number): Code => [0x20, ...unsigned(index)],
  set: (index: number, value: Code): Code => [...value, 0x21, ...unsigned(index)],
  /** Sets the local that `read`, a `local.get`, reads. */
  setTo: (read: Code, value: Code): Code => [...value, 0x21, ...read.slice(1)],
};

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  add: binary(0x6a),
  /** Adds to the number at an address. */
  increment: (address: Code, by: Code): Code => [
    ...address,
    ...address,
    ...[0x28, ...memoryArgument(0)],
    ...by,
    0x6a,
    ...[0x36, ...memoryArgument(0)],
  ],
};

export const f64 = {
  add: binary(0xa0),
  /** Adds to the number at an address. */
  increase: (address: Code, by: Code): Code => [
    ...address,
    ...address,
    ...[0x2b, ...memoryArgument(0)],
    ...by,
    0xa0,
    ...[0x39, ...memoryArgument(0)],
  ],
};

/** Runs `body` and again while `condition` is not zero. */
export const repeatWhile = (body: Code, condition: Code): Code => [
  ...[0x03, EMPTY_BLOCK],
  ...body,
  ...condition,
  ...[0x0d, ...unsigned(0)],
  0x0b,
];

/** Runs `body` if `condition` is not zero. */
export const when = (condition: Code, body: Code): Code => [
  ...condition,
  ...[0x04, EMPTY_BLOCK],
  ...body,
  0x0b,
];

export const v128 = {
  load: load(0x00),
  store: (address: Code, offset: number, value: Code): Code => [
    ...address,
    ...value,
    ...simd(0x0b),
    ...memoryArgument(offset),
  ],
  /** Four 32-bit lanes. */
  const: (lanes: readonly [number, number, number, number]): Code => [
    ...simd(0x0c),
    ...new Uint8Array(Int32Array.from(lanes).buffer),
  ],
  /** Sixteen bytes chosen from the 32 of `a` and `b`. */
  shuffle: (a: Code, b: Code, bytes: readonly number[]): Code => [
    ...a,
    ...b,
    ...simd(0x0d),
    ...bytes,
  ],
  not: unary(...simd(0x4d)),
  and: binary(...simd(0x4e)),
  or: binary(...simd(0x50)),
  xor: binary(...simd(0x51)),
  /** Bits of `a` where `mask` is set, else of `b`. */
  select: (a: Code, b: Code, mask: Code): Code => [...a, ...b, ...mask, ...simd(0x52)],
  /** 1 if any bit is set. */
  anyTrue: unary(...simd(0x53)),
};

export const i32x4 = {
  /** Eight bytes as four unsigned 16-bit numbers, widened. */
  load16: load(0x04),
  splat: unary(...simd(0x11)),
  extract: (x: Code, lane: number): Code => [...x, ...simd(0x1b), lane],
  ltS: binary(...simd(0x39)),
  gtS: binary(...simd(0x3b)),
  shl: shift(0xab),
  shrU: shift(0xad),
  add: binary(...simd(0xae)),
  sub: binary(...simd(0xb1)),
  mul: binary(...simd(0xb5)),
  /** The low 16 bits of values below 2^16 of `a`, then of `b`, as eight 16-bit lanes. */
  narrowU: binary(...simd(0x86)),
};

export const f32x4 = {
  splat: unary(...simd(0x13)),
  eq: binary(...simd(0x41)),
  ne: binary(...simd(0x42)),
  lt: binary(...simd(0x43)),
  gt: binary(...simd(0x44)),
  le: binary(...simd(0x45)),
  ge: binary(...simd(0x46)),
  abs: unary(...simd(0xe0)),
  neg: unary(...simd(0xe1)),
  add: binary(...simd(0xe4)),
  sub: binary(...simd(0xe5)),
  mul: binary(...simd(0xe6)),
  div: binary(...simd(0xe7)),
  fromI32: unary(...simd(0xfa)),
};

export const f64x2 = {
  extract: (x: Code, lane: number): Code => [...x, ...simd(0x21), lane],
  /** The lower two of four float32, exactly. */
  promoteLow: unary(...simd(0x5f)),
  add: binary(...simd(0xf0)),
  mul: binary(...simd(0xf2)),
};

const counted = (items: readonly Code[]): number[] => [...unsigned(items.length), ...items.flat()];
const sized = (bytes: Code): number[] => [...unsigned(bytes.length), ...bytes];
const section = (id: number, content: Code): number[] => [id, ...sized(content)];
const text = (name: string): number[] => sized([...new TextEncoder().encode(name)]);

/**
 * A module that imports the memory `env.memory` and exports one function `run`.
 * @param parameters types of the function's parameters, which are its first locals
 * @param results types of what `body` leaves on the stack
 * @param locals types of its further locals
 */
export function assembleModule(
  parameters: readonly ValueType[],
  results: readonly ValueType[],
  locals: readonly ValueType[],
  body: Code,
): Uint8Array<ArrayBuffer> {
  const types = [parameters, results].map((list) => counted(list.map((type) => [type])));
  const type = [0x60, ...types.flat()];
  const memory = [...text("env"), ...text("memory"), 0x02, 0x00, ...unsigned(1)];
  const localRuns = locals.map((valueType) => [...unsigned(1), valueType]);
  const code = sized([...counted(localRuns), ...body, 0x0b]);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d],
    ...[0x01, 0x00, 0x00, 0x00],
    ...section(1, counted([type])),
    ...section(2, counted([memory])),
    ...section(3, counted([unsigned(0)])),
    ...section(7, counted([[...text("run"), 0x00, ...unsigned(0)]])),
    ...section(10, counted([code])),
  ]);
}
