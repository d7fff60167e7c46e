// Whether the models of a recipe that leaves tokenizers alone mean the same tokens by the same rows. Looks at
// tokenizer files only where they differ, and refuses nothing: rows may be merged by number on purpose.

import { TsmergeError } from "../../base/errors.ts";
import { sha256 } from "../../base/hash.ts";
import {
  filesOf,
  idsOf,
  readTokenizerFolder,
  tokenizerBytes,
} from "../../merge/tokenizer/tokenizer-folder.ts";
import type { LoadedModel } from "./models.ts";

interface Vocabulary {
  readonly model: LoadedModel;
  readonly ids: ReadonlyMap<string, number>;
}

/**
 * A sentence for each model whose tokens are not the first one's, and for each whose embeddings are too small.
 * @param models those that are merged, the one that gives the tokenizer first
 */
export async function adviseOnVocabularies(models: readonly LoadedModel[]): Promise<string[]> {
  const seen = new Map<string, Vocabulary>();
  const advice: string[] = [];
  for (const model of models) {
    const { tokenizerDirectory } = model;
    if (!(await filesOf(tokenizerDirectory)).includes("tokenizer.json")) continue;
    const digest = sha256(await tokenizerBytes(tokenizerDirectory));
    if (seen.has(digest)) continue;
    try {
      const vocabulary = { model, ids: idsOf(await readTokenizerFolder(tokenizerDirectory)) };
      const [first] = seen.values();
      if (first !== undefined) advice.push(...differences(first, vocabulary));
      advice.push(...beyondRows(vocabulary));
      seen.set(digest, vocabulary);
    } catch (error) {
      if (!(error instanceof TsmergeError)) throw error;
      advice.push(`the tokens of ${model.reference} cannot be compared: ${error.message}`);
    }
  }
  return advice;
}

function differences(first: Vocabulary, other: Vocabulary): string[] {
  const moved = [...other.ids].filter(([token, id]) => (first.ids.get(token) ?? id) !== id).length;
  const sizes = `tokens ${first.ids.size} vs ${other.ids.size}`;
  const [a, b] = [first.model.reference, other.model.reference];
  const names = `the tokenizers of ${a} and ${b} differ (${sizes})`;
  if (moved > 0) {
    return [
      `${names}, and ${moved} tokens have other ids: embeddings are merged by id, so add tokenizer_source: union (or base)`,
    ];
  }
  const gained = [...other.ids.keys()].filter((token) => !first.ids.has(token)).length;
  const lost = [...first.ids.keys()].filter((token) => !other.ids.has(token)).length;
  if (gained === 0 && lost === 0) return []; // other merges or flags, the same tokens
  return [`${names}: the output has ${a}'s; tokenizer_source: union keeps the tokens of all`];
}

/** Tokens that a text may hold and the model has no row for. */
function beyondRows({ model, ids }: Vocabulary): string[] {
  const table = [...model.weights.pre.values()].find(({ isEmbed }) => isEmbed);
  const rows = table && model.tensors.get(table.name)?.shape[0];
  const last = [...ids.values()].reduce((most, id) => Math.max(most, id), -1);
  if (rows === undefined || last < rows) return [];
  return [
    `the tokenizer of ${model.reference} has ids up to ${last}, and its embeddings ${rows} rows: a text with such a token fails`,
  ];
}
