// Files as torch.save writes them, made by hand from opcodes, so that tests can also make what torch never
// would. Not a test.

/** Pieces of a pickle in protocol 2. */
export const op = {
  text: (value: string) => {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    return Buffer.concat([Buffer.from("X"), length, bytes]);
  },
  int: (value: number) => {
    const bytes = Buffer.alloc(5, "J");
    bytes.writeInt32LE(value, 1);
    return bytes;
  },
  global: (module: string, name: string) => Buffer.from(`c${module}\n${name}\n`),
  tuple: (...items: Buffer[]) => Buffer.concat([Buffer.from("("), ...items, Buffer.from("t")]),
  call: (target: Buffer, args: Buffer) => Buffer.concat([target, args, Buffer.from("R")]),
  persistent: (id: Buffer) => Buffer.concat([id, Buffer.from("Q")]),
  none: Buffer.from("N"),
  no: Buffer.from([0x89]),
  orderedDict: () => op.call(op.global("collections", "OrderedDict"), Buffer.from(")")),
  dict: (entries: readonly (readonly [string, Buffer])[]) =>
    Buffer.concat([
      op.orderedDict(),
      Buffer.from("("),
      ...entries.flatMap(([key, value]) => [op.text(key), value]),
      Buffer.from("u"),
    ]),
};

export interface FakeTensor {
  readonly storage: string;
  readonly key: string;
  /** Of the storage. */
  readonly elements: number;
  readonly offset?: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** `torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, False, OrderedDict())`. */
export function tensorCall(tensor: FakeTensor): Buffer {
  const { storage, key, elements, offset = 0, shape, strides } = tensor;
  const id = op.tuple(
    op.text("storage"),
    op.global("torch", storage),
    op.text(key),
    op.text("cpu"),
    op.int(elements),
  );
  const numbers = (values: readonly number[]) => op.tuple(...values.map(op.int));
  return op.call(
    op.global("torch._utils", "_rebuild_tensor_v2"),
    op.tuple(
      op.persistent(id),
      op.int(offset),
      numbers(shape),
      numbers(strides),
      op.no,
      op.orderedDict(),
    ),
  );
}

export function pickle(value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x80, 2]), value, Buffer.from(".")]);
}

/** All ones: the number stands in a ZIP64 field. */
const WIDE = 0xffffffff;

/**
 * A ZIP of stored entries; checksums are left at 0, as nothing here reads them.
 * @param isWide writes every size and offset as ZIP64, as archives over 4 GiB have them
 */
export function zip(
  entries: Readonly<Record<string, Uint8Array>>,
  method = 0,
  isWide = false,
): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const [name, content] of Object.entries(entries)) {
    const text = Buffer.from(name);
    const extra = Buffer.from([0x46, 0x42, 3, 0, 0x5a, 0x5a, 0x5a]); // torch's padding
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(text.length, 26);
    local.writeUInt16LE(extra.length, 28);
    const header = Buffer.alloc(46);
    header.writeUInt32LE(0x02014b50);
    header.writeUInt16LE(method, 10);
    header.writeUInt32LE(isWide ? WIDE : content.length, 20);
    header.writeUInt32LE(isWide ? WIDE : content.length, 24);
    header.writeUInt16LE(text.length, 28);
    header.writeUInt32LE(isWide ? WIDE : at, 42);
    const numbers = wideNumbers(content.length, content.length, at);
    const field = Buffer.concat([Buffer.from([1, 0, numbers.length, 0]), numbers]);
    const fields = isWide
      ? Buffer.concat([Buffer.from([9, 9, 2, 0, 7, 7]), field])
      : Buffer.alloc(0);
    header.writeUInt16LE(fields.length, 30);
    central.push(header, text, fields);
    parts.push(local, text, extra, Buffer.from(content));
    at += local.length + text.length + extra.length + content.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt32LE(isWide ? WIDE : directory.length, 12);
  end.writeUInt32LE(isWide ? WIDE : at, 16);
  if (!isWide) return Buffer.concat([...parts, directory, end]);
  const end64 = Buffer.concat([Buffer.alloc(40), wideNumbers(directory.length, at)]);
  end64.writeUInt32LE(0x06064b50);
  const locator = Buffer.concat([
    Buffer.alloc(8),
    wideNumbers(at + directory.length),
    Buffer.alloc(4),
  ]);
  locator.writeUInt32LE(0x07064b50);
  return Buffer.concat([...parts, directory, end64, locator, end]);
}

function wideNumbers(...numbers: readonly number[]): Buffer {
  return Buffer.from(BigUint64Array.from(numbers, BigInt).buffer);
}

/** A whole file: the dictionary and its storages by key. */
export function torchFile(
  dictionary: Buffer,
  storages: Readonly<Record<string, Uint8Array>>,
): Buffer {
  const data = Object.entries(storages).map(([key, bytes]) => [`archive/data/${key}`, bytes]);
  return zip({
    "archive/data.pkl": pickle(dictionary),
    "archive/byteorder": Buffer.from("little"),
    ...Object.fromEntries(data),
  });
}
