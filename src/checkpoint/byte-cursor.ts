// Little-endian fields read one after another from bytes that may end anywhere. Knows no format.

export interface ByteCursor {
  u8(): number;
  u16(): number;
  u32(): number;
  i32(): number;
  /** Throws for more than the bytes there are: it is the length of something in them. */
  u64(): number;
  /** Big-endian, the one such field of a pickle. */
  f64(): number;
  /** A two's complement integer of up to eight bytes that a double holds exactly. */
  integer(bytes: number): number;
  /** UTF-8 of that many bytes. */
  text(bytes: number): string;
  /** UTF-8 up to a line feed, which is passed over. */
  line(): string;
}

/** @param fail makes the error for a field that is cut short, or that is none */
export function byteCursor(bytes: Uint8Array, fail: (message: string) => Error): ByteCursor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let at = 0;
  const take = (length: number): number => {
    if (at + length > bytes.byteLength) throw fail("it is cut short");
    at += length;
    return at - length;
  };
  const text = (length: number): string => {
    const start = take(length);
    try {
      return decoder.decode(bytes.subarray(start, start + length));
    } catch {
      throw fail("a string is not UTF-8");
    }
  };
  return {
    text,
    u8: () => view.getUint8(take(1)),
    u16: () => view.getUint16(take(2), true),
    u32: () => view.getUint32(take(4), true),
    i32: () => view.getInt32(take(4), true),
    f64: () => view.getFloat64(take(8)),
    u64() {
      const value = Number(view.getBigUint64(take(8), true));
      if (value > bytes.byteLength) throw fail("it is cut short");
      return value;
    },
    integer(length) {
      if (length > 8) throw fail(`an integer has ${length} bytes`);
      const start = take(length);
      const digits = bytes.subarray(start, start + length);
      const unsigned = digits.reduceRight((sum, digit) => (sum << 8n) | BigInt(digit), 0n);
      const value = Number(BigInt.asIntN(8 * length, unsigned));
      if (Number.isSafeInteger(value)) return value;
      throw fail(`an integer is ${value}`);
    },
    line() {
      const end = bytes.indexOf(0x0a, at);
      if (end < 0) throw fail("it is cut short");
      const value = text(end - at);
      at++;
      return value;
    },
  };
}
