// What `tsmerge ls` prints: the registries as tables.

import { markdownTable } from "markdown-table";
import type { MergeMethod, ParameterSpec } from "../merge/method.ts";

/** One row a parameter, the method's own line first. */
export function renderMethods(methods: readonly MergeMethod[]): string {
  const rows = methods.flatMap((method) => [
    [method.name, baseOf(method), "", "", method.summary],
    ...method.parameters.map((parameter) => [
      "",
      "",
      parameter.name,
      defaultOf(parameter),
      `${parameter.summary}${parameter.scope === "model" ? " (per model)" : ""}${rangeOf(parameter)}`,
    ]),
  ]);
  return markdownTable([["method", "base_model", "parameter", "default", "what it does"], ...rows]);
}

function baseOf({ base }: MergeMethod): string {
  switch (base) {
    case "required":
      return "required";
    case "optional":
      return "optional";
    case "firstSource":
      return "one of the models";
    case "none":
      return "none";
    default:
      return base satisfies never;
  }
}

function defaultOf({ default: value, kind }: ParameterSpec): string {
  if (value === undefined) return "required";
  return kind === "boolean" ? String(value !== 0) : String(value);
}

function rangeOf({ min, max, kind }: ParameterSpec): string {
  if (kind === "boolean" || (min === undefined && max === undefined)) return "";
  return `, ${min ?? "−∞"} to ${max ?? "∞"}`;
}

/** Names with a sentence each. */
export function renderNames(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return markdownTable([[...head], ...rows.map((row) => [...row])]);
}
