// The search space of a data flow: which layer of which model comes next (Akiba et al. 2025, Nature Machine
// Intelligence 7:195, section on data flow space). All layers of all models, one model after another, are
// offered `repeats` times; a gene for each offer says whether the layer is taken, another how strongly it acts.
//
// The paper scales a layer's input by W. A decoder layer with pre-norms turns x into x + f(x), and f does not
// change when x is multiplied, so an input scaled by w is f scaled by 1/w but for a factor that the next norm
// removes. Here the gene scales f itself: the two matrices that write into the residual stream.

import { TsmergeError } from "../../base/errors.ts";
import type { LoadedModels } from "../compile/models.ts";
import type { Recipe, Setting, Slice } from "../recipe.ts";
import { geneValue, type RangeGene } from "./gene.ts";
import { type FlowGenome, shortNames } from "./genome.ts";
import type { Slot, SlotSpace } from "./slots.ts";

/** One offer of a layer. */
interface Offer {
  readonly model: number;
  readonly layer: number;
  /** From 0 to repeats - 1. */
  readonly pass: number;
}

/** Parts of the names of the tensors that write into the residual stream, in the families that can be scored. */
const WRITERS = ["o_proj", "down_proj"] as const;
/** A layer is taken from here on. */
const TAKEN = 0.5;
/** The first candidates change a layer or two of the first model's: a step of 1/6 crosses 1/4 now and then. */
const START = { taken: 0.75, left: 0.25 } as const;
/** Layers at most, as a multiple of the deepest model's, unless the file says. */
const MOST_TIMES = 2;

/**
 * The genes of a data flow and their recipe.
 * @throws TsmergeError `incompatible` if layers shall be scaled that have other names
 */
export function flowSpace(genome: FlowGenome, models: LoadedModels): SlotSpace {
  const depths = genome.models.map((reference) => models.get(reference)!.weights.layers);
  const offers = Array.from({ length: genome.flow.repeats }, (_, pass) =>
    depths.flatMap((layers, model) =>
      Array.from({ length: layers }, (_, layer): Offer => ({ model, layer, pass })),
    ),
  ).flat();
  const { scale } = genome.flow;
  if (scale !== 1) checkWriters(genome, models);
  const labels = shortNames(genome.models);
  const slots = offers.flatMap((offer): Slot[] => {
    const { model, layer, pass } = offer;
    const name = (what: string) => `${labels[model]}.${layer}.${what}@${pass + 1}`;
    const start = model === 0 && pass === 0 ? START.taken : START.left;
    const taken = { lower: 0, upper: 1, start };
    return [
      { key: keyOf(offer, "in"), name: name("in"), parameter: "in", gene: taken },
      ...(typeof scale === "number"
        ? []
        : [{ key: keyOf(offer, "scale"), name: name("scale"), parameter: "scale", gene: scale }]),
    ];
  });
  return {
    slots,
    decode(read) {
      const asked = offers.filter((offer) => read(keyOf(offer, "in"))! >= TAKEN);
      const most = mostLayers(genome, models);
      const steps = (asked.length === 0 ? offers.slice(0, 1) : asked).slice(0, most);
      return recipeOf(genome, steps, (offer) =>
        typeof scale === "number" ? scale : scaleOf(scale, read(keyOf(offer, "scale"))!),
      );
    },
  };
}

/** The most layers that a candidate has: the file's word, or twice the deepest model's. */
export function mostLayers({ models: references, flow }: FlowGenome, models: LoadedModels): number {
  const depths = references.map((reference) => models.get(reference)!.weights.layers);
  return flow.maxLayers ?? MOST_TIMES * Math.max(...depths);
}

const keyOf = ({ model, layer, pass }: Offer, what: "in" | "scale"): string =>
  `${what} ${pass} ${model} ${layer}`;

const scaleOf = (gene: RangeGene, at: number): number => geneValue("scale", gene, at);

function recipeOf(
  { models, dtype }: FlowGenome,
  steps: readonly Offer[],
  scale: (offer: Offer) => number,
): Recipe {
  const runs: { readonly first: Offer; length: number; readonly factor: number }[] = [];
  for (const step of steps) {
    const run = runs.at(-1);
    const factor = scale(step);
    const isNext =
      run?.factor === factor &&
      run.first.model === step.model &&
      run.first.layer + run.length === step.layer;
    if (isNext) run.length += 1;
    else runs.push({ first: step, length: 1, factor });
  }
  const slices = runs.map(({ first: { model, layer }, length, factor }): Slice => {
    const layerRange = [layer, layer + length] as const;
    const parameters = factor === 1 ? {} : { scale: writersBy(factor) };
    return { sources: [{ model: models[model]!, layerRange, parameters }], parameters: {} };
  });
  return { method: "passthrough", slices, parameters: {}, dtype };
}

function writersBy(factor: number): Setting {
  return [...WRITERS.map((filter) => ({ filter, value: factor })), { value: 1 }];
}

function checkWriters({ models: references }: FlowGenome, models: LoadedModels): void {
  for (const reference of references) {
    const names = [...models.get(reference)!.tensors.keys()];
    const absent = WRITERS.find((part) => !names.some((name) => name.includes(part)));
    if (absent === undefined) continue;
    throw new TsmergeError(
      "incompatible",
      `${reference} has no tensor ${absent} whose layer could be scaled`,
      { hint: "leave scale out of genome.data_flow, or choose models of the Llama family" },
    );
  }
}
