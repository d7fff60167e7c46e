// The `data_flow:` of a genome: how often the layers are offered, how they may be scaled, how many there may be.

import type { Node } from "yaml";
import { z } from "zod";
import type { FloatType } from "../../base/dtype.ts";
import { passthrough } from "../../merge/methods/passthrough.ts";
import { checkShape } from "../yaml/schema.ts";
import {
  complain,
  type Entry,
  membersOf,
  rejectUnknown,
  type YamlFile,
} from "../yaml/yaml-file.ts";
import type { FlowGenome } from "./genome.ts";
import { readGene } from "./read-gene.ts";

const FLOW = z.object({
  repeats: z.int().positive().default(1),
  scale: z.unknown().optional(),
  max_layers: z.int().positive().optional(),
});

/** What a data flow takes of a genome; the other keys are about merged weights. */
const KEYS = ["models", "merge_method", "data_flow", "dtype"];

/**
 * @param members the genome's
 * @param models the references it lists
 */
export function readFlow(
  file: YamlFile,
  node: Node,
  members: readonly Entry[],
  context: {
    readonly models: readonly string[];
    readonly dtype: FloatType;
    readonly randomInit: boolean;
  },
): FlowGenome | undefined {
  const { models, dtype, randomInit } = context;
  const own = membersOf(file, node, "data_flow");
  rejectUnknown(file, own, Object.keys(FLOW.shape), "data_flow");
  for (const { key, keyNode } of members) {
    if (KEYS.includes(key)) continue;
    complain(
      file,
      keyNode,
      `${key} means nothing beside data_flow`,
      "delete it: layers are copied",
    );
  }
  if (models.length === 0) {
    complain(
      file,
      node,
      "data_flow has no models to take layers of",
      "list some under genome.models",
    );
  }
  const shape = checkShape(file, FLOW, node);
  if (shape === undefined) return undefined;
  const { repeats, max_layers: maxLayers } = shape;
  const entry = own.find(({ key }) => key === "scale");
  const spec = passthrough.parameters.find(({ name }) => name === "scale")!;
  const scale =
    entry?.value === undefined
      ? 1
      : readGene(file, entry, [spec], { models: models.length, negative: false });
  if (scale === undefined) return undefined;
  if (typeof scale === "object" && "choices" in scale) {
    complain(file, entry!.value, "scale has choices", "write scale: {range: [0.5, 1.5]}");
    return undefined;
  }
  return {
    models: [...new Set(models)],
    flow: { repeats, scale, ...(maxLayers === undefined ? {} : { maxLayers }) },
    dtype,
    randomInit,
  };
}
