// JSON and str() as Python writes them: what lm-evaluation-harness hashes and logs. JavaScript has one kind of
// number, so a float that is whole must be marked: an unmarked one is written as an integer.

/** A number that Python has as a float: 1 is written `1.0`. */
export class PythonFloat {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/**
 * `json.dumps(value, ensure_ascii=False)`, with line breaks if `indent` is given.
 * Members that are undefined are left out; NaN and infinities are written as Python does.
 */
export function pythonJson(value: unknown, indent?: number): string {
  return written(value, indent === undefined ? undefined : { step: " ".repeat(indent), at: "\n" });
}

/** White space of one depth: what a level adds, and the line break with the indentation so far. */
interface Layout {
  readonly step: string;
  readonly at: string;
}

function written(value: unknown, layout: Layout | undefined): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value === "number") return pythonNumber(value);
  if (typeof value === "bigint") return String(value);
  if (value instanceof PythonFloat) return pythonFloat(value.value);
  if (typeof value === "string") return JSON.stringify(value);
  const inner = layout && { step: layout.step, at: layout.at + layout.step };
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    const items = Array.from(value as ArrayLike<unknown>, (item) => written(item, inner)); // any list
    return enclosed("[", items, "]", layout, inner);
  }
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([key, member]) => `${JSON.stringify(key)}: ${written(member, inner)}`);
  return enclosed("{", members, "}", layout, inner);
}

function enclosed(
  open: string,
  parts: readonly string[],
  close: string,
  layout: Layout | undefined,
  inner: Layout | undefined,
): string {
  if (parts.length === 0) return open + close;
  if (layout === undefined || inner === undefined) return open + parts.join(", ") + close;
  return open + inner.at + parts.join(`,${inner.at}`) + layout.at + close;
}

/** `str(value)`. */
export function pythonStr(value: unknown): string {
  return typeof value === "string" ? value : repr(value);
}

function repr(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return pythonNumber(value);
  if (value instanceof PythonFloat) return pythonFloat(value.value);
  if (typeof value === "string") return quoted(value);
  if (Array.isArray(value)) return `[${value.map(repr).join(", ")}]`;
  if (typeof value !== "object") return String(value);
  return `{${Object.entries(value)
    .map(([key, member]) => `${quoted(key)}: ${repr(member)}`)
    .join(", ")}}`;
}

/** Python prefers single quotes, unless they would have to be escaped and double ones not. */
function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  const body = text.replace(/[\\'"\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (char) => {
    if (char === "\\" || char === quote) return `\\${char}`;
    if (char === "'" || char === '"') return char;
    return escapes[char] ?? escaped(char.codePointAt(0)!);
  });
  return quote + body + quote;
}

function escaped(code: number): string {
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

/** A number without a mark: an integer if it is whole. */
function pythonNumber(value: number): string {
  return Number.isSafeInteger(value) ? String(value) : pythonFloat(value);
}

/** `repr` of a float: the shortest digits, an exponent below 1e-4 and from 1e16 on. */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [mantissa = "", exponent = "0"] = value.toExponential().split("e"); // the shortest digits
  const power = Number(exponent);
  if (power < -4 || power >= 16) {
    return `${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  const sign = mantissa.startsWith("-") ? "-" : "";
  const digits = mantissa.replace("-", "").replace(".", "");
  if (power < 0) return `${sign}0.${"0".repeat(-power - 1)}${digits}`;
  const whole = digits.slice(0, power + 1).padEnd(power + 1, "0");
  return `${sign}${whole}.${digits.slice(power + 1) || "0"}`;
}
