// JSON written in the manner of another text: 1.0 stays 1.0. JavaScript knows one kind of number, and readers
// with two (Python's configuration classes) refuse the integer 1 where they expect the float 1.0.

/** In front of a number's digits while it travels as a string, which no real string starts with. */
const FLOAT = "\u0000float:";
const MARKED = /"\\u0000float:(-?\d+\.0)"/g;
/** A string, or a number outside strings. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * `value` as JSON, indented by two, in which whole numbers that stand where `model` has a float are floats.
 * @param model well-formed JSON, such as the file that `value` was read from before it was changed
 */
export function stringifyLike(value: unknown, model: string): string {
  const marked: unknown = JSON.parse(
    model.replace(TOKEN, (token) =>
      !token.startsWith('"') && /[.eE]/.test(token) ? JSON.stringify(FLOAT + token) : token,
    ),
  );
  const text = JSON.stringify(likened(value, marked), null, 2);
  return text.replace(MARKED, (_, digits: string) => digits);
}

function likened(value: unknown, model: unknown): unknown {
  if (typeof value === "number" && Number.isInteger(value)) {
    const isFloat = typeof model === "string" && model.startsWith(FLOAT);
    const digits = String(value);
    return isFloat && /^-?\d+$/.test(digits) ? `${FLOAT}${digits}.0` : value; // 1e+21 is a float as it is
  }
  if (Array.isArray(value)) {
    const items: unknown[] = Array.isArray(model) ? model : [];
    return value.map((item, index) => likened(item, items[index]));
  }
  if (value === null || typeof value !== "object") return value;
  const members = model !== null && typeof model === "object" ? model : {};
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, likened(member, Reflect.get(members, key))]),
  );
}
