// zod over a YAML node: the typed value, or problems at the lines that caused them.

import { isCollection, type Node } from "yaml";
import type { z } from "zod";
import { complain, describe, plain, resolved, type YamlFile } from "./yaml-file.ts";

/** The value of a node by a schema; undefined after complaints. An absent node is an empty map. */
export function checkShape<Schema extends z.ZodType>(
  file: YamlFile,
  schema: Schema,
  node: Node | undefined,
): z.infer<Schema> | undefined {
  const result = schema.safeParse(plain(file, node) ?? {});
  if (result.success) return result.data;
  for (const { path, message } of result.error.issues) {
    const at = nodeAt(file, node, path);
    const text = message.replace(/^Invalid input: /, "").replace(/^[A-Z]/, (c) => c.toLowerCase());
    const name = path.join(".");
    const value = name === "" ? "" : `${name} ${describe(file, at)}: `;
    complain(file, at, `${value}${text}`);
  }
  return undefined;
}

/** The node at a path, or the nearest one above it. */
function nodeAt(
  file: YamlFile,
  node: Node | undefined,
  path: readonly PropertyKey[],
): Node | undefined {
  const [head, ...rest] = path;
  if (head === undefined || !isCollection(node)) return node;
  const member = resolved(file, node.get(head, true));
  return member === undefined ? node : nodeAt(file, member, rest);
}
