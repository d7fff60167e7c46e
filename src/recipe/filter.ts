// Which tensors a `filter:` means: part of a name, a glob, or a regular expression; `!` in front turns it
// round. Which entry of a list holds is setting.ts's.

type Test = (tensor: string) => boolean;

/** Every filter is read once: a search looks the same few up for every tensor of every candidate. */
const known = new Map<string, Test>();

/**
 * Whether a filter means a tensor. `mlp` means every name that contains it; `*mlp*` with `*` (any
 * characters) or `?` (any one) is compared with the whole name; `/layers\.[0-3]\./` is searched for in the
 * name; `!` and one of these means all other tensors.
 * @throws SyntaxError for a malformed regular expression, which filterProblem finds first
 */
export function matchesFilter(filter: string, tensor: string): boolean {
  const test = known.get(filter) ?? testOf(filter);
  known.set(filter, test);
  return test(tensor);
}

/** Why a filter cannot be used, or undefined. */
export function filterProblem(filter: string): string | undefined {
  if (filter === "" || filter === "!") return "it is empty";
  try {
    testOf(filter);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function testOf(filter: string): Test {
  if (filter.startsWith("!")) {
    const test = testOf(filter.slice(1));
    return (tensor) => !test(tensor);
  }
  if (/^\/.+\/$/.test(filter)) {
    const pattern = new RegExp(filter.slice(1, -1), "u");
    return (tensor) => pattern.test(tensor);
  }
  if (!/[*?]/.test(filter)) return (tensor) => tensor.includes(filter);
  const glob = filter.replace(/[\\^$.|+()[\]{}]/g, "\\$&");
  const pattern = new RegExp(`^${glob.replaceAll("*", ".*").replaceAll("?", ".")}$`, "su");
  return (tensor) => pattern.test(tensor);
}
