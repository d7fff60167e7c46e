// mergekit's YAML out: only mergekit's keys, numbers in their shortest exact decimals, everything else
// (seed, versions, hashes) in comments on top, which readRecipe reads back.

import { Document, isScalar, visit } from "yaml";
import { methodNamed } from "../../merge/methods/registry.ts";
import type { TokenizerRequest } from "../../merge/tokenizer/tokenizer.ts";
import type { TokenSource } from "../../merge/tokenizer/tokenizer-rows.ts";
import {
  isWholeModels,
  type Parameters,
  type Recipe,
  type Setting,
  type Source,
} from "../recipe.ts";

export interface Header {
  /** Lines for people, printed as comments. */
  readonly lines?: readonly string[];
  /** Plain data for programs, printed as one `# tsmerge: {…}` comment; `seed` is used again by a merge. */
  readonly record?: Readonly<Record<string, unknown>>;
}

/** The recipe as a file that mergekit and readRecipe both take, and that reads back as an equal recipe. */
export function renderRecipe(recipe: Recipe, header: Header = {}): string {
  const comments = (header.lines ?? []).flatMap((text) => text.split(/\r?\n/));
  if (header.record !== undefined) comments.push(`tsmerge: ${JSON.stringify(header.record)}`);
  const top = comments.map((line) => `# ${line}`.trimEnd()).join("\n");
  // strings that YAML 1.1 (PyYAML) would read as something else are quoted
  const document = new Document(plainRecipe(recipe), {
    compat: "yaml-1.1",
    aliasDuplicateObjects: false,
  });
  visit(document, {
    Seq(_key, list) {
      list.flow = list.items.every(isScalar);
    },
  });
  const body = document.toString({ lineWidth: 0, flowCollectionPadding: false });
  return top === "" ? body : `${top}\n${body}`;
}

function plainRecipe(recipe: Recipe): Record<string, unknown> {
  const { method, base, slices, dtype, outDtype, tokenizer, chatTemplate } = recipe;
  const isBoolean = booleansOf(method);
  const source = ({ model, layerRange, parameters }: Source) => ({
    model,
    ...(layerRange === undefined ? {} : { layer_range: layerRange }),
    ...block(parameters, isBoolean),
  });
  const layers = isWholeModels(recipe)
    ? { models: slices.flatMap((slice) => slice.sources.map(source)) }
    : {
        slices: slices.map((slice) => ({
          sources: slice.sources.map(source),
          ...(slice.base === undefined ? {} : { base_model: slice.base }),
          ...block(slice.parameters, isBoolean),
        })),
      };
  return {
    merge_method: method,
    ...(base === undefined ? {} : { base_model: base }),
    ...layers,
    ...block(recipe.parameters, isBoolean),
    ...(dtype === undefined ? {} : { dtype }),
    ...(outDtype === undefined ? {} : { out_dtype: outDtype }),
    ...(tokenizer === undefined ? {} : tokenizerBlock(tokenizer)),
    ...(chatTemplate === undefined ? {} : { chat_template: chatTemplate }),
  };
}

/** The short form where a source says it all. */
function tokenizerBlock({ source, tokens, padToMultipleOf }: TokenizerRequest) {
  if (tokens.length === 0 && padToMultipleOf === undefined) return { tokenizer_source: source };
  const shown = tokens.map(({ token, source: from, force }): [string, object] => [
    token,
    {
      ...(from === undefined ? {} : { source: shownSource(token, from) }),
      ...(force ? { force } : {}),
    },
  ]);
  return {
    tokenizer: {
      source,
      ...(tokens.length === 0 ? {} : { tokens: new Map(shown) }),
      ...(padToMultipleOf === undefined ? {} : { pad_to_multiple_of: padToMultipleOf }),
    },
  };
}

function shownSource(token: string, source: TokenSource): unknown {
  if (source.kind === "zero") return source;
  if (source.token === token) return source.model;
  const { kind, model } = source;
  return typeof source.token === "number"
    ? { kind, model, token_id: source.token }
    : { kind, model, token: source.token };
}

function booleansOf(method: string): (name: string) => boolean {
  const { parameters } = methodNamed(method);
  return (name) => parameters.some((spec) => spec.name === name && spec.kind === "boolean");
}

function block(
  parameters: Parameters,
  isBoolean: (name: string) => boolean,
): { parameters?: Record<string, unknown> } {
  const entries = Object.entries(parameters);
  if (entries.length === 0) return {};
  const shown = (name: string, setting: Setting): unknown =>
    isBoolean(name) && typeof setting === "number" ? setting !== 0 : setting;
  return {
    parameters: Object.fromEntries(entries.map(([name, setting]) => [name, shown(name, setting)])),
  };
}
