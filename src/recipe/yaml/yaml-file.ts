// A YAML file whose every node knows its line and column, and the list of what is wrong with it. It knows
// nothing about recipes. All problems of a file are collected and thrown together, so one edit fixes them.

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  parseDocument,
  visit,
} from "yaml";
import { TsmergeError } from "../../base/errors.ts";
import { didYouMean } from "../../base/suggest.ts";

interface Problem {
  readonly where: string;
  /** Characters before it: what problems are sorted by. */
  readonly offset: number;
  readonly message: string;
  readonly hint: string | undefined;
}

export interface YamlFile {
  /** The name shown in messages. */
  readonly name: string;
  readonly text: string;
  readonly document: Document;
  readonly lines: LineCounter;
  /** What was understood although it was not written as it should be: printed to the user. */
  readonly notes: string[];
  readonly problems: Problem[];
  /** True where unknown keys are noted and ignored, as mergekit ignores them. */
  readonly lenient: boolean;
}

/** A member of a YAML map. */
export interface Entry {
  readonly key: string;
  readonly keyNode: Node;
  /** Undefined for a key without a value. */
  readonly value: Node | undefined;
}

/** How PyYAML (YAML 1.1) reads these words; YAML 1.2 reads strings. */
const WORDS: ReadonlyMap<string, boolean> = new Map([
  ["yes", true],
  ["on", true],
  ["no", false],
  ["off", false],
]);

/** Keys that stand inside an entry: at column 1 they mean that a file lost its indentation. */
const INNER_KEYS = /^(weight|density|drop_rate|layer_range|filter|value|t|lambda|range)\s*:/m;

/**
 * Parses a file. Plain `yes`, `no`, `on` and `off` become booleans, with a note.
 * @throws TsmergeError `config` for a syntax error, with its place and, where it shows, its cause
 */
export function openYaml(text: string, name: string, lenient = false): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  return opened({ name, text, document, lines, lenient });
}

/** As openYaml, for a file of several documents, of which empty ones do not count. */
export function openDocuments(text: string, name: string, lenient = false): YamlFile[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  const whole = Array.isArray(documents)
    ? documents.filter(
        ({ contents, errors }) => !isNothing(contents ?? undefined) || errors.length > 0,
      )
    : [];
  if (whole.length === 0) return [openYaml(text, name, lenient)];
  return whole.map((document) => opened({ name, text, document, lines, lenient }));
}

function opened(parsed: Omit<YamlFile, "notes" | "problems">): YamlFile {
  const { name, text, document, lines } = parsed;
  const file = { ...parsed, notes: [], problems: [] };
  const error = document.errors[0];
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    const lostIndent = INNER_KEYS.test(text) || error.message.includes("indent");
    throw new TsmergeError("config", `this is not valid YAML: ${sentence(error.message)}`, {
      where: `${name}:${line}:${col}`,
      hint: lostIndent
        ? "the indentation was lost: what belongs to a list entry (parameters:, weight:) stands two spaces to the right of its dash"
        : "fix the line, or quote the value if it holds a colon, a hash or a bracket",
    });
  }
  checkAliases(file);
  readWords(file);
  return file;
}

/** Refuses aliases of nothing, of what they stand in, and so many that the file would explode. */
function checkAliases(file: YamlFile): void {
  visit(file.document, {
    Alias(_key, alias) {
      const target = alias.resolve(file.document);
      const [start = 0] = alias.range ?? [];
      const [from = 0, , to = 0] = target?.range ?? [];
      if (target !== undefined && !(from <= start && start < to)) return;
      const what = target === undefined ? "names no anchor" : "stands inside its own anchor";
      complain(file, alias, `alias *${alias.source} ${what}`, "write the value out");
    },
  });
  failOnProblems(file);
  try {
    file.document.toJS();
  } catch (cause) {
    throw new TsmergeError("config", "its aliases repeat too much", {
      where: file.name,
      hint: "write the values out",
      cause,
    });
  }
}

function sentence(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1).replace(/\.$/, "");
}

function readWords(file: YamlFile): void {
  visit(file.document, {
    Scalar(key, node) {
      if (key === "key" || node.type !== "PLAIN" || typeof node.value !== "string") return;
      const word = WORDS.get(node.value.toLowerCase());
      if (word === undefined) return;
      note(
        file,
        node,
        `"${node.value}" is read as ${word}, as YAML 1.1 does; quote it if a word is meant`,
      );
      node.value = word;
    },
  });
}

/** `file:line:column` of a node. */
export function placeOf(file: YamlFile, node: Node | undefined): string {
  const offset = node?.range?.[0];
  if (offset === undefined) return file.name;
  const { line, col } = file.lines.linePos(offset);
  return `${file.name}:${line}:${col}`;
}

/** Adds a remark for the user. */
export function note(file: YamlFile, node: Node | undefined, message: string): void {
  file.notes.push(`${placeOf(file, node)}: ${message}`);
}

/** Adds a problem; `failOnProblems` throws them. */
export function complain(
  file: YamlFile,
  node: Node | undefined,
  message: string,
  hint?: string,
): void {
  const offset = node?.range?.[0] ?? 0;
  file.problems.push({ where: placeOf(file, node), offset, message, hint });
}

/** A key or value that has no meaning: a problem, or a note in a lenient file. */
export function reject(
  file: YamlFile,
  node: Node | undefined,
  message: string,
  hint: string,
): void {
  if (file.lenient) note(file, node, `ignored: ${message} (${hint})`);
  else complain(file, node, message, hint);
}

/** @throws TsmergeError `config` listing every problem with its place and what to write instead */
export function failOnProblems(file: YamlFile): void {
  const problems = file.problems.toSorted((a, b) => a.offset - b.offset);
  const [first, ...others] = problems;
  if (first === undefined) return;
  if (others.length === 0) {
    throw new TsmergeError("config", first.message, {
      where: first.where,
      ...(first.hint === undefined ? {} : { hint: first.hint }),
    });
  }
  const list = problems.map(
    ({ where, message, hint }) =>
      `\n  ${where}: ${message}${hint === undefined ? "" : ` (${hint})`}`,
  );
  throw new TsmergeError("config", `${list.length} things to fix:${list.join("")}`, {
    where: file.name,
  });
}

/** The node itself, or what an alias stands for. */
export function resolved(file: YamlFile, node: unknown): Node | undefined {
  if (isAlias(node)) return node.resolve(file.document);
  return isMap(node) || isSeq(node) || isScalar(node) ? node : undefined;
}

/** A node's value as plain data; a missing node is null. */
export function plain(file: YamlFile, node: Node | undefined): unknown {
  return node === undefined ? null : node.toJS(file.document);
}

/** True for a key without a value, and for `null` and `~`. */
export function isNothing(node: Node | undefined): boolean {
  return node === undefined || (isScalar(node) && node.value === null);
}

/** The members of a map; anything else is a problem and reads as empty. */
export function membersOf(file: YamlFile, node: Node | undefined, what: string): Entry[] {
  if (isNothing(node)) return [];
  if (!isMap(node)) {
    complain(file, node, `${what} is ${describe(file, node)}`, "write `key: value` lines here");
    return [];
  }
  return node.items.map((pair) => {
    const keyNode = resolved(file, pair.key);
    return {
      key: String(plain(file, keyNode)),
      keyNode: keyNode ?? node,
      value: resolved(file, pair.value),
    };
  });
}

/** The value of a key; undefined if the key is absent or has none. */
export function memberValue(members: readonly Entry[], key: string): Node | undefined {
  const value = members.find((member) => member.key === key)?.value;
  return isNothing(value) ? undefined : value;
}

/** The entries of a list; anything else is a problem and reads as empty. */
export function itemsOf(file: YamlFile, node: Node | undefined, what: string): Node[] {
  if (isNothing(node)) return [];
  if (!isSeq(node)) {
    complain(
      file,
      node,
      `${what} is ${describe(file, node)}`,
      "write a list: lines that start with a dash",
    );
    return [];
  }
  return node.items.map((item) => resolved(file, item)).filter((item) => item !== undefined);
}

/** A value as a message shows it: short, and never a whole block. */
export function describe(file: YamlFile, node: Node | undefined): string {
  const value = plain(file, node);
  const isOdd = typeof value === "number" && !Number.isFinite(value); // JSON has no word for it
  const text = isOdd ? String(value) : (JSON.stringify(value) ?? "nothing");
  return text.length <= 60 ? text : `${text.slice(0, 57)}…`;
}

/** Rejects the members whose key is not known, with the nearest known one. */
export function rejectUnknown(
  file: YamlFile,
  entries: readonly Entry[],
  known: readonly string[],
  what: string,
): Entry[] {
  return entries.filter(({ key, keyNode }) => {
    if (known.includes(key)) return true;
    const message = `${what} has no key "${key}"${didYouMean(key, known)}`;
    reject(file, keyNode, message, `its keys are ${known.join(", ")}`);
    return false;
  });
}
