// Reads a pickle without running it: the opcodes of protocols 2 to 4 that saved weights use, into plain
// data. A pickle can name any function of any Python module; here a name outside the caller's list is refused
// when it is read, and a call of a listed one is kept as data, so nothing in the file can do anything.

import { TsmergeError } from "../base/errors.ts";
import { byteCursor } from "./byte-cursor.ts";
import { damaged } from "./damaged.ts";

/** A listed name, or the call of one. */
export class PickledGlobal {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

export class PickledCall {
  readonly target: string;
  readonly args: readonly PickledValue[];
  constructor(target: string, args: readonly PickledValue[]) {
    this.target = target;
    this.args = args;
  }
}

/** What the pickle leaves to its container, such as the bytes of a tensor. */
export class PersistentId {
  readonly id: PickledValue;
  constructor(id: PickledValue) {
    this.id = id;
  }
}

/** Lists and tuples are arrays, dictionaries (ordered ones too) are maps. */
export type PickledValue =
  | null
  | boolean
  | number
  | string
  | PickledValue[]
  | Map<PickledValue, PickledValue>
  | PickledGlobal
  | PickledCall
  | PersistentId;

const ORDERED_DICT = "collections.OrderedDict";
/** Opcodes as CPython's pickletools names them; those of protocols 2 to 4 that plain data needs. */
const Op = {
  MARK: 0x28,
  EMPTY_TUPLE: 0x29,
  STOP: 0x2e,
  POP: 0x30,
  POP_MARK: 0x31,
  BINFLOAT: 0x47,
  BININT: 0x4a,
  BININT1: 0x4b,
  BININT2: 0x4d,
  NONE: 0x4e,
  BINPERSID: 0x51,
  REDUCE: 0x52,
  BINUNICODE: 0x58,
  EMPTY_LIST: 0x5d,
  APPEND: 0x61,
  BUILD: 0x62,
  GLOBAL: 0x63,
  APPENDS: 0x65,
  BINGET: 0x68,
  LONG_BINGET: 0x6a,
  BINPUT: 0x71,
  LONG_BINPUT: 0x72,
  SETITEM: 0x73,
  TUPLE: 0x74,
  SETITEMS: 0x75,
  EMPTY_DICT: 0x7d,
  PROTO: 0x80,
  TUPLE1: 0x85,
  TUPLE2: 0x86,
  TUPLE3: 0x87,
  NEWTRUE: 0x88,
  NEWFALSE: 0x89,
  LONG1: 0x8a,
  LONG4: 0x8b,
  SHORT_BINUNICODE: 0x8c,
  BINUNICODE8: 0x8d,
  STACK_GLOBAL: 0x93,
  MEMOIZE: 0x94,
  FRAME: 0x95,
} as const;

/**
 * The value that a pickle describes.
 * @param allowed the qualified names, such as `torch.FloatStorage`, that it may mention
 * @param where the file, for errors
 * @throws TsmergeError `checkpoint` for any other name, an opcode that weights do not need, and broken files
 */
export function parsePickle(
  bytes: Uint8Array,
  allowed: (name: string) => boolean,
  where: string,
): PickledValue {
  const memo = new Map<number, PickledValue>();
  const marks: PickledValue[][] = [];
  let stack: PickledValue[] = [];

  const fail = (message: string, hint?: string) =>
    damaged(where, `the pickle in it is not readable: ${message}`, hint);
  const cursor = byteCursor(bytes, fail);
  const pop = (): PickledValue => {
    const value = stack.pop();
    if (value === undefined) throw fail("its stack runs empty");
    return value;
  };
  const top = (): PickledValue => {
    const value = stack.at(-1);
    if (value === undefined) throw fail("its stack runs empty");
    return value;
  };
  /** Everything since the last mark. */
  const popMark = (): PickledValue[] => {
    const items = stack;
    const outer = marks.pop();
    if (outer === undefined) throw fail("a mark is missing");
    stack = outer;
    return items;
  };
  const popMany = (count: number): PickledValue[] => {
    if (stack.length < count) throw fail("its stack runs empty");
    return stack.splice(stack.length - count, count);
  };
  const recall = (index: number): PickledValue => {
    const value = memo.get(index);
    if (value === undefined) throw fail(`memo ${index} is empty`);
    return value;
  };
  const global = (module: PickledValue, name: PickledValue): PickledGlobal => {
    if (typeof module !== "string" || typeof name !== "string") throw fail("a name is no text");
    const qualified = `${module}.${name}`;
    if (allowed(qualified)) return new PickledGlobal(qualified);
    throw new TsmergeError(
      "checkpoint",
      `the file would run "${qualified}", which weights do not need`,
      {
        where,
        hint: "do not load this file with torch either, unless you trust it; use a safetensors version of the model",
      },
    );
  };
  const call = (target: PickledValue, args: PickledValue): PickledValue => {
    if (!(target instanceof PickledGlobal) || !Array.isArray(args)) {
      throw fail("it calls what is no function");
    }
    if (target.name !== ORDERED_DICT) return new PickledCall(target.name, args);
    if (args.length > 0) throw fail(`${ORDERED_DICT} is called with arguments`);
    return new Map();
  };
  const setItems = (items: readonly PickledValue[]): void => {
    const target = top();
    if (!(target instanceof Map) || items.length % 2 !== 0)
      throw fail("it fills what is no dictionary");
    for (let i = 0; i < items.length; i += 2) target.set(items[i]!, items[i + 1]!);
  };
  const append = (items: readonly PickledValue[]): void => {
    const target = top();
    if (!Array.isArray(target)) throw fail("it appends to what is no list");
    for (const item of items) target.push(item);
  };

  const opcodes: Readonly<Record<number, () => void>> = {
    [Op.PROTO]: () => {
      const version = cursor.u8();
      if (version < 2 || version > 5) throw fail(`its protocol is ${version}`);
    },
    [Op.FRAME]: () => void cursor.u64(), // frames only help streaming
    [Op.MARK]: () => {
      marks.push(stack);
      stack = [];
    },
    [Op.POP]: () => void pop(),
    [Op.POP_MARK]: () => void popMark(),
    [Op.NONE]: () => void stack.push(null),
    [Op.NEWTRUE]: () => void stack.push(true),
    [Op.NEWFALSE]: () => void stack.push(false),
    [Op.BININT]: () => void stack.push(cursor.i32()),
    [Op.BININT1]: () => void stack.push(cursor.u8()),
    [Op.BININT2]: () => void stack.push(cursor.u16()),
    [Op.LONG1]: () => void stack.push(cursor.integer(cursor.u8())),
    [Op.LONG4]: () => void stack.push(cursor.integer(cursor.u32())),
    [Op.BINFLOAT]: () => void stack.push(cursor.f64()),
    [Op.BINUNICODE]: () => void stack.push(cursor.text(cursor.u32())),
    [Op.SHORT_BINUNICODE]: () => void stack.push(cursor.text(cursor.u8())),
    [Op.BINUNICODE8]: () => void stack.push(cursor.text(cursor.u64())),
    [Op.EMPTY_LIST]: () => void stack.push([]),
    [Op.EMPTY_TUPLE]: () => void stack.push([]),
    [Op.EMPTY_DICT]: () => void stack.push(new Map()),
    [Op.TUPLE]: () => {
      const items = popMark();
      stack.push(items);
    },
    [Op.TUPLE1]: () => void stack.push(popMany(1)),
    [Op.TUPLE2]: () => void stack.push(popMany(2)),
    [Op.TUPLE3]: () => void stack.push(popMany(3)),
    [Op.APPEND]: () => append([pop()]),
    [Op.APPENDS]: () => append(popMark()),
    [Op.SETITEM]: () => setItems(popMany(2)),
    [Op.SETITEMS]: () => setItems(popMark()),
    [Op.BINPUT]: () => void memo.set(cursor.u8(), top()),
    [Op.LONG_BINPUT]: () => void memo.set(cursor.u32(), top()),
    [Op.MEMOIZE]: () => void memo.set(memo.size, top()),
    [Op.BINGET]: () => void stack.push(recall(cursor.u8())),
    [Op.LONG_BINGET]: () => void stack.push(recall(cursor.u32())),
    [Op.GLOBAL]: () => void stack.push(global(cursor.line(), cursor.line())),
    [Op.STACK_GLOBAL]: () => {
      const [module, name] = popMany(2);
      stack.push(global(module!, name!));
    },
    [Op.REDUCE]: () => {
      const args = pop();
      stack.push(call(pop(), args));
    },
    [Op.BUILD]: () => {
      pop(); // attributes of a state dict: versions of modules, which no tensor depends on
      if (!(top() instanceof Map)) throw fail("it sets attributes of what is no dictionary");
    },
    [Op.BINPERSID]: () => void stack.push(new PersistentId(pop())),
  };

  for (;;) {
    const opcode = cursor.u8();
    if (opcode === Op.STOP) return pop();
    const act = opcodes[opcode];
    if (act === undefined) {
      const hint =
        "use a safetensors version of the model, or save its state_dict() with torch.save";
      throw fail(`it uses opcode 0x${opcode.toString(16)}, which saved weights do not need`, hint);
    }
    act();
  }
}
