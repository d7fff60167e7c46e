// Vocabularies put together: tokens cut off, tokens of other tokenizers appended, tokenizer.json written.
// Ids that a tokenizer has are never changed, so rows of embeddings and ids in templates keep their meaning;
// new tokens get the ids after the last one, as the Rust library's add_tokens counts.

import { TsmergeError } from "../../base/errors.ts";
import { type AddedToken, idsOf, type TokenizerFolder } from "./tokenizer-folder.ts";

/** A tokenizer, and how many rows its model's embeddings have: ids from there on stand for nothing. */
export interface VocabularySource {
  readonly folder: TokenizerFolder;
  readonly rows: number;
}

/** The tokenizer without the tokens that have no row; itself if all have. */
export function strippedTo({ folder, rows }: VocabularySource): TokenizerFolder {
  const fits = (id: number) => id < rows;
  if ([...idsOf(folder).values()].every(fits)) return folder;
  const tokens = new Map([...folder.tokens].filter(([, id]) => fits(id)));
  return {
    ...folder,
    tokens,
    merges: folder.merges.filter((pair) => joinsIn(tokens, pair)),
    added: folder.added.filter(({ id }) => fits(id)),
  };
}

function joinsIn(tokens: ReadonlyMap<string, number>, [left, right]: readonly [string, string]) {
  return tokens.has(left) && tokens.has(right) && tokens.has(left + right);
}

function nextId(folder: TokenizerFolder): number {
  let next = 0;
  for (const id of idsOf(folder).values()) next = Math.max(next, id + 1);
  return next;
}

/** As add_tokens makes one of a string. */
function plainToken(content: string, id: number): AddedToken {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: true };
  return { id, content, ...flags, special: false };
}

/** The tokenizer with tokens at its end that are cut out of texts whole; itself if it has them all. */
export function withTokens(folder: TokenizerFolder, contents: readonly string[]): TokenizerFolder {
  const ids = idsOf(folder);
  const missing = [...new Set(contents)].filter((content) => !ids.has(content));
  if (missing.length === 0) return folder;
  const first = nextId(folder);
  const tokens = missing.map((content, index) => plainToken(content, first + index));
  return { ...folder, added: [...folder.added, ...tokens] };
}

/**
 * The base's tokenizer with every token of the others at its end: first what their models know, in their
 * order, then what was added to them, of which the first definition holds. Itself if it has them all.
 *
 * Tokens of a tokenizer of the base's kind become part of its model, with the merges or scores that make
 * texts use them. mergekit (`compat`) appends them as added tokens, which are cut out of any text; so are
 * tokens of another kind here, since the base's model could not form them.
 */
export function unionOf(
  base: TokenizerFolder,
  others: readonly VocabularySource[],
  compat: boolean,
): TokenizerFolder {
  const ids = idsOf(base);
  const tokens = new Map(base.tokens);
  const scores = new Map(base.scores);
  const added = [...base.added];
  const addedSomewhere = new Set(
    [base, ...others.map(({ folder }) => folder)].flatMap((folder) =>
      folder.added.map(({ content }) => content),
    ),
  );
  let next = nextId(base);
  for (const { folder, rows } of others) {
    for (const [token, id] of [...folder.tokens].sort(([, a], [, b]) => a - b)) {
      if (id >= rows || ids.has(token) || addedSomewhere.has(token)) continue;
      ids.set(token, next);
      if (compat || folder.kind !== base.kind) added.push(plainToken(token, next));
      else tokens.set(token, next);
      scores.set(token, folder.scores.get(token) ?? 0);
      next++;
    }
  }
  const isAdded = new Set(added.map(({ content }) => content));
  for (const { folder, rows } of others) {
    for (const info of folder.added) {
      if (info.id >= rows || isAdded.has(info.content)) continue;
      const id = ids.get(info.content) ?? next++;
      ids.set(info.content, id);
      isAdded.add(info.content);
      added.push({ ...info, id });
    }
  }
  if (added.length === base.added.length && tokens.size === base.tokens.size) return base;
  const union = { ...base, tokens, scores, added };
  if (tokens.size === base.tokens.size) return union;
  const models = others.map(({ folder }) => folder);
  return { ...withoutGaps(union), merges: mergesOf(base, models, tokens) };
}

/** Pairs of other tokenizers whose join is new come after the base's, which it goes on to prefer. */
function mergesOf(
  base: TokenizerFolder,
  others: readonly TokenizerFolder[],
  tokens: ReadonlyMap<string, number>,
): TokenizerFolder["merges"] {
  const merges = [...base.merges];
  const known = new Set<string>();
  for (const pair of others.flatMap((folder) => folder.merges)) {
    if (base.tokens.has(pair[0] + pair[1]) || !joinsIn(tokens, pair)) continue;
    const key = `${pair[0].length} ${pair[0]}${pair[1]}`;
    if (known.has(key)) continue;
    known.add(key);
    merges.push(pair);
  }
  return merges;
}

/**
 * The added tokens made known to the model as well. The Rust library counts their ids from the model's size
 * where the model does not know them, and would read others than the file gives once tokens stand behind them.
 */
function withoutGaps(folder: TokenizerFolder): TokenizerFolder {
  const tokens = new Map(folder.tokens);
  const scores = new Map(folder.scores);
  let lowest = 0;
  for (const score of scores.values()) lowest = Math.min(lowest, score);
  for (const { content, id } of folder.added) {
    if (tokens.has(content)) continue;
    tokens.set(content, id);
    scores.set(content, lowest);
  }
  return { ...folder, tokens, scores };
}

/** The text of tokenizer.json. Throws TsmergeError `incompatible` for a Unigram model whose ids have gaps. */
export function tokenizerText({
  json,
  kind,
  tokens,
  scores,
  merges,
  added,
  directory,
}: TokenizerFolder): string {
  const model: Record<string, unknown> = { ...json.model };
  const inOrder = [...tokens].sort(([, a], [, b]) => a - b);
  if (kind === "Unigram") {
    const gap = inOrder.findIndex(([, id], index) => id !== index);
    if (gap !== -1) {
      throw new TsmergeError("incompatible", `no token of this tokenizer has the id ${gap}`, {
        where: directory,
        hint: "choose another tokenizer source, or give the tokenizer a token with that id",
      });
    }
    model.vocab = inOrder.map(([token]) => [token, scores.get(token) ?? 0]);
  } else {
    model.vocab = Object.fromEntries(inOrder);
  }
  if (kind === "BPE") {
    const isOld = Array.isArray(json.model.merges) && typeof json.model.merges[0] === "string";
    const fitsOld = isOld && merges.every((pair) => !pair.join("").includes(" "));
    model.merges = fitsOld ? merges.map((pair) => pair.join(" ")) : merges;
  }
  const added_tokens = added.toSorted((a, b) => a.id - b.id);
  return `${JSON.stringify({ ...json, added_tokens, model }, null, 2)}\n`;
}
