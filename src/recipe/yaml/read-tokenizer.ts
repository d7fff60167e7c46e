// `tokenizer_source:`, `tokenizer:` and `chat_template:` read from YAML. What they do to vocabularies and
// embeddings is merge/tokenizer/tokenizer.ts's.

import { isMap, isScalar, type Node } from "yaml";
import { chatTemplateProblem } from "../../merge/chat-template.ts";
import type { TokenizerRequest } from "../../merge/tokenizer/tokenizer.ts";
import type { TokenRequest, TokenSource } from "../../merge/tokenizer/tokenizer-rows.ts";
import type { Recipe } from "../recipe.ts";
import { readReference } from "./read-source.ts";
import {
  complain,
  describe,
  type Entry,
  membersOf,
  memberValue,
  plain,
  rejectUnknown,
  type YamlFile,
} from "./yaml-file.ts";

/** The tokenizer and chat template a recipe asks for. */
export function readTokenizer(
  file: YamlFile,
  members: readonly Entry[],
): Pick<Recipe, "tokenizer" | "chatTemplate"> {
  const short = memberValue(members, "tokenizer_source");
  const block = memberValue(members, "tokenizer");
  const template = memberValue(members, "chat_template");
  if (short !== undefined && block !== undefined) {
    const hint = "keep tokenizer, with source: in it";
    complain(file, short, "tokenizer_source and tokenizer are both given", hint);
  }
  const source = short === undefined ? undefined : readReference(file, short, "tokenizer_source");
  const request = block === undefined ? undefined : readBlock(file, block);
  const tokenizer = request ?? (source === undefined ? undefined : { source, tokens: [] });
  return {
    ...(tokenizer === undefined ? {} : { tokenizer }),
    ...(template === undefined ? {} : { chatTemplate: readTemplate(file, template) }),
  };
}

function readBlock(file: YamlFile, node: Node): TokenizerRequest {
  const keys = ["source", "tokens", "pad_to_multiple_of"];
  const members = rejectUnknown(file, membersOf(file, node, "tokenizer"), keys, "tokenizer");
  const source = memberValue(members, "source");
  const padding = memberValue(members, "pad_to_multiple_of");
  const multiple = padding === undefined ? undefined : readMultiple(file, padding);
  const tokens = membersOf(file, memberValue(members, "tokens"), "tokens");
  return {
    source: (source && readReference(file, source, "source")) ?? "union", // mergekit's default
    tokens: tokens.map((token) => readToken(file, token)),
    ...(multiple === undefined ? {} : { padToMultipleOf: multiple }),
  };
}

function readMultiple(file: YamlFile, node: Node): number | undefined {
  const value = plain(file, node);
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
  const what = `pad_to_multiple_of is ${describe(file, node)}`;
  complain(file, node, what, "write a whole number, such as 64");
  return undefined;
}

function readToken(file: YamlFile, { key, keyNode, value }: Entry): TokenRequest {
  const what = `token ${JSON.stringify(key)}`;
  const members = rejectUnknown(file, membersOf(file, value, what), ["source", "force"], what);
  const source = memberValue(members, "source");
  const force = memberValue(members, "force");
  const forced = plain(file, force);
  if (force !== undefined && typeof forced !== "boolean") {
    complain(file, force, `force is ${describe(file, force)}`, "write true or false");
  }
  if (key === "") complain(file, keyNode, "a token is empty", "write the token's text");
  const from = source === undefined ? undefined : readTokenSource(file, source, key);
  return { token: key, ...(from === undefined ? {} : { source: from }), force: forced === true };
}

/** A model's reference, `{kind: zero}`, or `{kind: model_token, model, token | token_id}`. */
function readTokenSource(file: YamlFile, node: Node, token: string): TokenSource | undefined {
  const members = isMap(node) ? membersOf(file, node, "source") : [];
  const kind = plain(file, memberValue(members, "kind"));
  if (kind === null) {
    const model = readReference(file, node, "source");
    return model === undefined ? undefined : { kind: "model_token", model, token };
  }
  if (kind === "zero") {
    rejectUnknown(file, members, ["kind"], "a source of kind zero");
    return { kind };
  }
  if (kind !== "model_token") {
    const what = `kind is ${describe(file, memberValue(members, "kind"))}`;
    complain(file, node, what, "write zero or model_token, or a model as the source");
    return undefined;
  }
  const keys = ["kind", "model", "token", "token_id"];
  rejectUnknown(file, members, keys, "a source of kind model_token");
  const model = memberValue(members, "model");
  const name = memberValue(members, "token");
  const id = memberValue(members, "token_id");
  const row = plain(file, id);
  if (model === undefined || (name === undefined) === (id === undefined)) {
    const hint = "write {kind: model_token, model: …, token: …}, or token_id: … for token";
    complain(file, node, `a source is ${describe(file, node)}`, hint);
    return undefined;
  }
  const reference = readReference(file, model, "model");
  if (reference === undefined) return undefined;
  if (name !== undefined) return { kind, model: reference, token: String(plain(file, name)) };
  if (typeof row === "number" && Number.isSafeInteger(row) && row >= 0) {
    return { kind, model: reference, token: row };
  }
  complain(file, id, `token_id is ${describe(file, id)}`, "write a whole number from 0 on");
  return undefined;
}

function readTemplate(file: YamlFile, node: Node): string {
  const text = isScalar(node) ? String(node.value) : "";
  const problem = chatTemplateProblem(text);
  if (problem !== undefined) {
    const hint = "or write a whole Jinja template: 20 characters at least, with a { in it";
    complain(file, node, `chat_template ${describe(file, node)} ${problem}`, hint);
  }
  return text;
}
