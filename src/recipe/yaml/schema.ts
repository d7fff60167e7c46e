// zod over a YAML node: the typed value, or problems at the lines that caused them.

import { isCollection, type Node } from "yaml";
import type { z } from "zod";
import { sentenceOf } from "../../base/schema-problem.ts";
import { complain, describe, plain, resolved, type YamlFile } from "./yaml-file.ts";

/** A map without its empty keys: `limit:` and `limit: null` both say nothing. */
function withoutNothing(value: unknown): unknown {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value ?? {};
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}

/** The value of a node by a schema; undefined after complaints. An absent node is an empty map. */
export function checkShape<Schema extends z.ZodType>(
  file: YamlFile,
  schema: Schema,
  node: Node | undefined,
): z.infer<Schema> | undefined {
  const result = schema.safeParse(withoutNothing(plain(file, node)));
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const { at, isThere } = nodeAt(file, node, issue.path);
    const name = issue.path.join(".");
    const text = sentenceOf(issue);
    if (!isThere) complain(file, at, `${name} is missing`, text);
    else complain(file, at, name === "" ? text : `${name} ${describe(file, at)} ${text}`);
  }
  return undefined;
}

/** The node at a path, or the nearest one above it. */
function nodeAt(
  file: YamlFile,
  node: Node | undefined,
  path: readonly PropertyKey[],
): { at: Node | undefined; isThere: boolean } {
  const [head, ...rest] = path;
  if (head === undefined) return { at: node, isThere: true };
  const member = isCollection(node) ? resolved(file, node.get(head, true)) : undefined;
  return member === undefined ? { at: node, isThere: false } : nodeAt(file, member, rest);
}
