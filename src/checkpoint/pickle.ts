// Reads a pickle without running it: the opcodes of protocols 2 to 4 that saved weights use, into plain
// data. A pickle can name any function of any Python module; here a name outside the caller's list is refused
// when it is read, and a call of a listed one is kept as data, so nothing in the file can do anything.

import { TsmergeError } from "../base/errors.ts";

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
/** The integers that a double holds exactly are enough for sizes. */
const MAX_LONG_BYTES = 8;

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
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = new TextDecoder("utf-8", { fatal: true });
  const memo = new Map<number, PickledValue>();
  const marks: PickledValue[][] = [];
  let stack: PickledValue[] = [];
  let at = 0;

  const fail = (message: string, hint = "download or copy the file again") =>
    new TsmergeError("checkpoint", `the pickle in it is not readable: ${message}`, { where, hint });
  const take = (length: number): number => {
    if (at + length > bytes.byteLength) throw fail("it is cut short");
    at += length;
    return at - length;
  };
  const u8 = () => view.getUint8(take(1));
  const u16 = () => view.getUint16(take(2), true);
  const u32 = () => view.getUint32(take(4), true);
  const u64 = () => {
    const value = Number(view.getBigUint64(take(8), true));
    if (value > bytes.byteLength) throw fail("it is cut short");
    return value;
  };
  const string = (length: number) => {
    const start = take(length);
    try {
      return text.decode(bytes.subarray(start, start + length));
    } catch {
      throw fail("a string is not UTF-8");
    }
  };
  const line = () => {
    const end = bytes.indexOf(0x0a, at);
    if (end < 0) throw fail("it is cut short");
    const value = string(end - at);
    at++;
    return value;
  };
  const long = (length: number): number => {
    if (length > MAX_LONG_BYTES) throw fail(`an integer has ${length} bytes`);
    const start = take(length);
    const digits = bytes.subarray(start, start + length);
    const unsigned = digits.reduceRight((sum, digit) => (sum << 8n) | BigInt(digit), 0n);
    const value = Number(BigInt.asIntN(8 * length, unsigned));
    if (Number.isSafeInteger(value)) return value;
    throw fail(`an integer is ${value}`);
  };
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
    const qualified = `${String(module)}.${String(name)}`;
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
    128: () => {
      // PROTO
      const version = u8();
      if (version < 2 || version > 5) throw fail(`its protocol is ${version}`);
    },
    149: () => void take(8), // FRAME
    40: () => {
      // MARK
      marks.push(stack);
      stack = [];
    },
    48: () => void pop(), // POP
    49: () => void popMark(), // POP_MARK
    78: () => void stack.push(null), // NONE
    136: () => void stack.push(true), // NEWTRUE
    137: () => void stack.push(false), // NEWFALSE
    74: () => void stack.push(view.getInt32(take(4), true)), // BININT
    75: () => void stack.push(u8()), // BININT1
    77: () => void stack.push(u16()), // BININT2
    138: () => void stack.push(long(u8())), // LONG1
    139: () => void stack.push(long(u32())), // LONG4
    71: () => void stack.push(view.getFloat64(take(8))), // BINFLOAT
    88: () => void stack.push(string(u32())), // BINUNICODE
    140: () => void stack.push(string(u8())), // SHORT_BINUNICODE
    141: () => void stack.push(string(u64())), // BINUNICODE8
    93: () => void stack.push([]), // EMPTY_LIST
    41: () => void stack.push([]), // EMPTY_TUPLE
    125: () => void stack.push(new Map()), // EMPTY_DICT
    116: () => {
      // TUPLE
      const items = popMark();
      stack.push(items);
    },
    133: () => void stack.push(popMany(1)), // TUPLE1
    134: () => void stack.push(popMany(2)), // TUPLE2
    135: () => void stack.push(popMany(3)), // TUPLE3
    97: () => append([pop()]), // APPEND
    101: () => append(popMark()), // APPENDS
    115: () => setItems(popMany(2)), // SETITEM
    117: () => setItems(popMark()), // SETITEMS
    113: () => void memo.set(u8(), top()), // BINPUT
    114: () => void memo.set(u32(), top()), // LONG_BINPUT
    148: () => void memo.set(memo.size, top()), // MEMOIZE
    104: () => void stack.push(recall(u8())), // BINGET
    106: () => void stack.push(recall(u32())), // LONG_BINGET
    99: () => void stack.push(global(line(), line())), // GLOBAL
    147: () => {
      // STACK_GLOBAL
      const [module, name] = popMany(2);
      stack.push(global(module!, name!));
    },
    82: () => {
      // REDUCE
      const args = pop();
      stack.push(call(pop(), args));
    },
    98: () => {
      // BUILD
      pop(); // attributes of a state dict: versions of modules, which no tensor depends on
      if (!(top() instanceof Map)) throw fail("it sets attributes of what is no dictionary");
    },
    81: () => void stack.push(new PersistentId(pop())), // BINPERSID
  };

  for (;;) {
    const opcode = u8();
    if (opcode === 46) return pop(); // STOP
    const act = opcodes[opcode];
    if (act === undefined) {
      const hint =
        "use a safetensors version of the model, or save its state_dict() with torch.save";
      throw fail(`it uses opcode 0x${opcode.toString(16)}, which saved weights do not need`, hint);
    }
    act();
  }
}
