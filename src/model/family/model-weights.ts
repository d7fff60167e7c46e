// Which weights one model has: its family (from a table, or inferred from its tensors) made definite, with
// experts counted, and every name as its own files spell it. Models are compared by template, not by name,
// so that files which leave a prefix out still meet the others.

import { TsmergeError } from "../../base/errors.ts";
import { didYouMean } from "../../base/suggest.ts";
import type { TensorInfo } from "../../checkpoint/checkpoint.ts";
import { ARCHITECTURES } from "./architecture.ts";
import {
  COMPUTED,
  type ExpertLayouts,
  type Family,
  MAX_LAYERS,
  type WeightTemplate,
} from "./family.ts";
import { inferFamily } from "./family-inference.ts";
import { MERGE_ONLY_FAMILIES } from "./family-tables.ts";
import { configValue, isQuantized, type StoredConfig } from "./stored-config.ts";

/** A weight as one model's files call it. */
export interface Weight {
  readonly name: string;
  readonly isEmbed: boolean;
  readonly optional: boolean;
  /** The name of the weight whose values stand in when this one is absent. */
  readonly tiedTo?: string;
}

export interface ModelWeights {
  /** Definite: no expert is left to count. */
  readonly family: Family;
  readonly isInferred: boolean;
  readonly layers: number;
  readonly isTied: boolean;
  /** By template name, here and below. */
  readonly pre: ReadonlyMap<string, Weight>;
  readonly layer: readonly ReadonlyMap<string, Weight>[];
  readonly post: ReadonlyMap<string, Weight>;
  /** The spelling of a full name of the family in this model's files. */
  readonly spell: (name: string) => string;
}

/** The families that have a table, those that can be scored first. */
const FAMILIES: readonly Family[] = [...ARCHITECTURES, ...MERGE_ONLY_FAMILIES];

const MAX_EXPERTS = 10_000;

/**
 * The weights of a model by its configuration, with what its files hold besides as optional weights of
 * their own: nothing in a file is dropped unseen.
 * @param where the model's folder, for errors
 * @throws TsmergeError `incompatible` for a layer or expert count that is missing or absurd
 */
export function modelWeights(
  config: StoredConfig,
  tensors: ReadonlyMap<string, TensorInfo>,
  where: string,
): ModelWeights {
  const known = FAMILIES.find(({ name }) => name === config.architecture);
  // a table does not know what quantizers call their tensors
  if (known === undefined || isQuantized(config)) {
    const { family, layers } = inferFamily(config, tensors, where);
    return spelledOut(family, layers, (name) => name, { isInferred: true, isTied: false });
  }
  const layers = countAt(config, [known.layersKey], MAX_LAYERS, where);
  const spell = spelling(known, tensors);
  const isTied = config.raw.tie_word_embeddings ?? known.isTiedByDefault ?? false;
  const definite = withExperts(known, config, tensors, spell, where);
  const origin = { isInferred: false, isTied: isTied === true };
  const named = spelledOut(definite, layers, spell, origin);
  const foreign = foreignTemplates(named, tensors);
  if (foreign.length === 0) return named;
  const post = [...definite.post, ...foreign];
  const foreignNames = new Set(foreign.map(({ name }) => name));
  const spellKnown = (name: string) => (foreignNames.has(name) ? name : spell(name));
  return spelledOut({ ...definite, post }, layers, spellKnown, origin);
}

function countAt(
  { raw, architecture }: StoredConfig,
  keys: readonly string[],
  limit: number,
  where: string,
): number {
  const value = keys.map((key) => configValue(raw, key)).find((one) => one !== undefined);
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= limit) {
    return value;
  }
  const key = keys[0]!; // every caller names one
  const guess = value === undefined ? didYouMean(key, Object.keys(raw)) : "";
  throw new TsmergeError(
    "incompatible",
    `${key} is ${JSON.stringify(value) ?? "missing"}${guess}, and ${architecture} needs it`,
    { where: `${where}/config.json`, hint: "download the model's config.json again" },
  );
}

/** Leaves the family's optional prefix out where the files do. */
function spelling(
  { optionalPrefix: prefix, pre }: Family,
  tensors: ReadonlyMap<string, TensorInfo>,
): (name: string) => string {
  const isLeftOut =
    prefix !== undefined &&
    !pre.some(({ name }) => tensors.has(name)) &&
    pre.some(({ name }) => tensors.has(name.slice(prefix.length)));
  return isLeftOut
    ? (name) => (name.startsWith(prefix) ? name.slice(prefix.length) : name)
    : (name) => name;
}

/** The family with the expert layout that the files have, one template for each expert where they are separate. */
function withExperts(
  family: Family,
  config: StoredConfig,
  tensors: ReadonlyMap<string, TensorInfo>,
  spell: (name: string) => string,
  where: string,
): Family {
  const { experts, ...rest } = family;
  if (experts === undefined) return family;
  const isPacked = [...tensors.keys()].some(
    (name) =>
      name.startsWith(spell(family.layerPrefix)) &&
      experts.packed.some((one) => one.name.includes("experts") && name.endsWith(`.${one.name}`)),
  );
  const templates = isPacked
    ? experts.packed
    : separateExperts(experts, countAt(config, experts.countKeys, MAX_EXPERTS, where));
  return { ...rest, layer: [...family.layer, ...templates] };
}

function separateExperts({ separate }: ExpertLayouts, count: number): WeightTemplate[] {
  const perExpert = separate.filter(({ name }) => name.includes("{expert}"));
  const shared = separate.filter(({ name }) => !name.includes("{expert}"));
  const experts = Array.from({ length: count }, (_, expert) =>
    perExpert.map((one) => ({ ...one, name: one.name.replace("{expert}", String(expert)) })),
  );
  return [...shared, ...experts.flat()];
}

function spelledOut(
  family: Family,
  layers: number,
  spell: (name: string) => string,
  origin: Pick<ModelWeights, "isInferred" | "isTied">,
): ModelWeights {
  const weightsOf = (templates: readonly WeightTemplate[], prefix: string) =>
    new Map(
      templates.map((template): [string, Weight] => {
        const { name, isEmbed = false, optional = false, tiedTo } = template;
        const tie = tiedTo === undefined ? {} : { tiedTo: spell(tiedTo) };
        return [name, { name: spell(prefix + name), isEmbed, optional, ...tie }];
      }),
    );
  return {
    ...{ family, layers, spell, ...origin },
    pre: weightsOf(family.pre, ""),
    layer: Array.from({ length: layers }, (_, layer) =>
      weightsOf(family.layer, `${family.layerPrefix}${layer}.`),
    ),
    post: weightsOf(family.post, ""),
  };
}

/** The names of all weights, as the model's files spell them. */
function namesOf({ pre, layer, post }: ModelWeights): Set<string> {
  const parts = [pre, ...layer, post];
  return new Set(parts.flatMap((part) => [...part.values()].map(({ name }) => name)));
}

/** What the files hold and no merge reads: tables that code computes, and a definition's masks. */
export function unreadTensors(
  weights: ModelWeights,
  tensors: ReadonlyMap<string, TensorInfo>,
): string[] {
  const read = namesOf(weights);
  return [...tensors.keys()].filter((name) => !read.has(name));
}

/**
 * A remark on weights that no decoder reads, since the model's configuration does not describe them: often a
 * config.json with too few layers. Undefined where there are none.
 */
export function unscoredNote(reference: string, { family }: ModelWeights): string | undefined {
  const foreign = family.post.filter(({ isForeign }) => isForeign === true);
  if (foreign.length === 0) return undefined;
  const tensors = foreign.length === 1 ? "1 tensor" : `${foreign.length} tensors`;
  return `${tensors} of ${reference} stand in no part that its config.json describes and take no part in a score: ${foreign[0]!.name}`;
}

/** What the files hold and the table does not know, apart from buffers that code recomputes. */
function foreignTemplates(
  weights: ModelWeights,
  tensors: ReadonlyMap<string, TensorInfo>,
): WeightTemplate[] {
  const { family, layers, spell } = weights;
  const known = namesOf(weights);
  for (let index = 0; index < layers; index++) {
    for (const name of family.ignored) known.add(spell(`${family.layerPrefix}${index}.${name}`));
  }
  return [...tensors.keys()]
    .filter((name) => !known.has(name) && !COMPUTED.test(name))
    .map((name) => ({ name, optional: true, isForeign: true }));
}
