// Tokenizer surgery on hand-made tokenizers: vocabularies, files, and where every row comes from.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Tokenizer } from "@huggingface/tokenizers";
import {
  planTokenizer,
  type TokenizerParent,
  type TokenizerPlan,
  type TokenizerRequest,
} from "../../src/merge/tokenizer/tokenizer.ts";

const root = mkdtempSync(join(tmpdir(), "tsmerge-tokenizer-"));
after(() => rmSync(root, { recursive: true, force: true }));

interface Made {
  readonly rows: number;
  readonly json: object;
  readonly files?: Readonly<Record<string, unknown>>;
  readonly isMerged?: boolean;
}

function added(id: number, content: string, special = true) {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return { id, content, ...flags, special };
}

/** A BPE tokenizer whose vocabulary is the list, with added tokens behind it. */
function bpe(
  tokens: readonly string[],
  merges: readonly string[],
  specials: readonly string[] = [],
) {
  return {
    version: "1.0",
    added_tokens: specials.map((content, i) => added(tokens.length + i, content)),
    ...{ normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null },
    model: {
      type: "BPE",
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}

function unigram(pieces: readonly (readonly [string, number])[]) {
  return { version: "1.0", added_tokens: [], model: { type: "Unigram", unk_id: 0, vocab: pieces } };
}

function parents(made: Readonly<Record<string, Made>>): TokenizerParent[] {
  const folder = mkdtempSync(join(root, "case-"));
  return Object.entries(made).map(([reference, { rows, json, files, isMerged = true }]) => {
    const directory = join(folder, reference);
    mkdirSync(directory);
    const all = { "tokenizer.json": json, "tokenizer_config.json": {}, ...files };
    for (const [name, content] of Object.entries(all)) {
      writeFileSync(join(directory, name), JSON.stringify(content));
    }
    return { reference, directory, tokenizerDirectory: directory, rows, isMerged };
  });
}

function plan(
  made: Readonly<Record<string, Made>>,
  request: Partial<TokenizerRequest> = {},
  compat = false,
): Promise<TokenizerPlan> {
  return planTokenizer({ source: "union", tokens: [], ...request }, parents(made), "a", compat);
}

/** Origins in short: own rows as numbers, others as `donor:row`, joined by + where they are averaged. */
function originsOf({ moved, donors }: TokenizerPlan, reference: string): unknown[] | undefined {
  return moved
    .get(reference)
    ?.origins.map((origin) =>
      Array.isArray(origin)
        ? origin.map(({ donor, row }) => `${donors[donor]}:${row}`).join("+") || "zero"
        : origin,
    );
}

function written({ files }: TokenizerPlan) {
  const json = JSON.parse(files["tokenizer.json"]!);
  const ids: Record<string, number> = Array.isArray(json.model.vocab)
    ? Object.fromEntries(json.model.vocab.map(([token]: [string], id: number) => [token, id]))
    : { ...json.model.vocab };
  for (const { content, id } of json.added_tokens) ids[content] = id;
  return { json, ids };
}

const A: Made = { rows: 5, json: bpe(["a", "b", "c", "ab"], ["a b"], ["<s>"]) };
const B: Made = { rows: 6, json: bpe(["b", "c", "d", "bc", "cd"], ["b c", "c d"], ["<t>"]) };
const C: Made = { rows: 4, json: bpe(["d", "cd", "c", "a"], ["c d"]) };

test("a union keeps the base's ids and appends what other models know, then their added tokens", async () => {
  const { ids, json } = written(await plan({ a: A, b: B }));
  assert.deepEqual(ids, { a: 0, b: 1, c: 2, ab: 3, "<s>": 4, d: 5, bc: 6, cd: 7, "<t>": 8 });
  assert.deepEqual(json.model.merges, ["a b", "b c", "c d"]);
  const tokenizer = new Tokenizer(json, {});
  assert.deepEqual(tokenizer.encode("abcd<t>ab").ids, [3, 7, 8, 3]);
});

test("rows move by token; one that a model lacks comes from its only holder, the base, or the mean", async () => {
  const union = await plan({ a: A, b: B, c: C });
  assert.equal(union.rows, 9);
  assert.deepEqual(originsOf(union, "a"), [0, 1, 2, 3, 4, "b:2+c:0", "b:3", "b:4+c:1", "b:5"]);
  assert.deepEqual(originsOf(union, "b"), ["a:0", 0, 1, "a:3", "a:4", 2, 3, 4, 5]);
  assert.deepEqual(originsOf(union, "c"), [3, "a:1", 2, "a:3", "a:4", 0, "b:3", 1, "b:5"]);
  assert.deepEqual(union.specials, {});
});

test("under compat other models' tokens are added tokens with the same ids", async () => {
  const native = await plan({ a: A, b: B });
  const compat = await plan({ a: A, b: B }, {}, true);
  assert.deepEqual(written(compat).ids, written(native).ids);
  assert.deepEqual(
    written(compat).json.added_tokens.map(({ content }: { content: string }) => content),
    ["<s>", "d", "bc", "cd", "<t>"],
  );
  assert.deepEqual(originsOf(compat, "b"), originsOf(native, "b"));
});

test("base takes the base's tokenizer, a reference that model's", async () => {
  const base = await plan({ a: A, b: B }, { source: "base" });
  assert.deepEqual(base.files, {});
  assert.equal(originsOf(base, "a"), undefined);
  assert.deepEqual(originsOf(base, "b"), ["a:0", 0, 1, "a:3", "a:4"]);
  const b: Made = {
    ...B,
    files: {
      "config.json": { eos_token_id: 5, hidden_size: 1 },
      "special_tokens_map.json": { eos_token: "<t>" },
    },
  };
  const a: Made = { ...A, files: { "generation_config.json": { eos_token_id: 4, top_k: 3 } } };
  const named = await plan({ a, b }, { source: "b" });
  assert.deepEqual(written(named).ids, { b: 0, c: 1, d: 2, bc: 3, cd: 4, "<t>": 5 });
  assert.deepEqual([named.rows, named.specials], [6, { eos_token_id: 5 }]);
  assert.deepEqual(JSON.parse(named.files["generation_config.json"]!), {
    eos_token_id: 5,
    top_k: 3,
  });
  assert.deepEqual(JSON.parse(named.files["special_tokens_map.json"]!), { eos_token: "<t>" });
  for (const name of ["vocab.json", "vocab.txt", "spiece.model"]) {
    assert.equal(named.files[name], null);
  }
  assert.deepEqual(originsOf(named, "a"), [1, 2, "b:2", "b:3", "b:4", "b:5"]);
  const asMergekit = await plan({ a, b }, { source: "b" }, true);
  assert.deepEqual(asMergekit.specials, {});
});

test("tokens without a row are stripped from the base, with the merges that make them", async () => {
  const short: Made = { rows: 3, json: A.json };
  const base = await plan({ a: short, b: B }, { source: "base" });
  const { ids, json } = written(base);
  assert.deepEqual(ids, { a: 0, b: 1, c: 2 });
  assert.deepEqual(json.model.merges, []);
  assert.equal(base.rows, 3);
  assert.deepEqual(originsOf(base, "b"), ["a:0", 0, 1]);
});

test("equal tokenizers move nothing, padded tables included; mergekit cuts the padding off", async () => {
  const padded: Made = { ...A, rows: 8 };
  const same = await plan({ a: padded, b: padded });
  assert.deepEqual([same.rows, same.moved.size, same.files], [8, 0, {}]);
  const cut = await plan({ a: padded, b: padded }, {}, true);
  assert.deepEqual(originsOf(cut, "b"), [0, 1, 2, 3, 4]);
  assert.equal(cut.rows, 5);
});

test("padding rounds the rows up with means", async () => {
  const padded = await plan({ a: A, b: A }, { padToMultipleOf: 4 });
  assert.deepEqual(originsOf(padded, "a"), [0, 1, 2, 3, 4, "mean", "mean", "mean"]);
  assert.equal(padded.rows, 8);
});

test("named tokens take their source where a model lacks them, or by force, and are added if absent", async () => {
  const tokens: TokenizerRequest["tokens"] = [
    { token: "<new>", source: { kind: "model_token", model: "b", token: "<t>" }, force: false },
    { token: "a", source: { kind: "model_token", model: "d", token: 2 }, force: true },
    { token: "d", source: { kind: "zero" }, force: false },
    { token: "b", force: true },
  ];
  const d: Made = { ...C, isMerged: false };
  const made = await plan({ a: A, b: B, d }, { source: "base", tokens });
  assert.equal(written(made).ids["<new>"], 5);
  assert.deepEqual(originsOf(made, "a"), ["d:2", 1, 2, 3, 4, "b:5", "zero"]);
  assert.deepEqual(originsOf(made, "b"), ["d:2", "a:1", 1, "a:3", "a:4", 5, 2]);
});

test("a source that is not there is refused with the nearest token", async () => {
  const source = { kind: "model_token", model: "b", token: "<tt>" } as const;
  await assert.rejects(
    plan({ a: A, b: B }, { tokens: [{ token: "x", source, force: false }] }),
    /b has no token "<tt>" to stand in for "x"; did you mean "<t>"/,
  );
});

test("unigram pieces keep their scores, and tokens of another kind are added tokens", async () => {
  const x: Made = {
    rows: 3,
    json: unigram([
      ["<unk>", 0],
      ["▁a", -1],
      ["b", -2],
    ]),
  };
  const y: Made = {
    rows: 3,
    json: unigram([
      ["<unk>", 0],
      ["c", -3.25],
      ["b", -9],
    ]),
  };
  const joined = await plan({ a: x, y });
  assert.deepEqual(written(joined).json.model.vocab, [
    ["<unk>", 0],
    ["▁a", -1],
    ["b", -2],
    ["c", -3.25],
  ]);
  const mixed = await plan({ a: x, b: B });
  assert.ok(
    written(mixed).json.added_tokens.some(({ content }: { content: string }) => content === "bc"),
  );
  assert.match(mixed.notes.join("\n"), /b \(BPE\) cannot join a Unigram model/);
});

test("a Unigram union with added tokens leaves no gap for the Rust library to fill", async () => {
  const x = {
    rows: 3,
    json: {
      ...unigram([
        ["<unk>", 0],
        ["a", -1],
      ]),
      added_tokens: [added(2, "<s>")],
    },
  };
  const y: Made = {
    rows: 2,
    json: unigram([
      ["<unk>", 0],
      ["c", -3],
    ]),
  };
  const { json } = written(await plan({ a: x, y }));
  assert.deepEqual(json.model.vocab, [
    ["<unk>", 0],
    ["a", -1],
    ["<s>", -3],
    ["c", -3],
  ]);
});

test("names that JavaScript objects treat apart are tokens like others", async () => {
  const json = JSON.parse(
    '{"model": {"type": "WordLevel", "vocab": {"__proto__": 0, "7": 1, "constructor": 2}}}',
  );
  const other: Made = { rows: 1, json: { model: { type: "WordLevel", vocab: { toString: 0 } } } };
  const text = (await plan({ a: { rows: 3, json }, b: other })).files["tokenizer.json"]!;
  for (const part of ['"__proto__": 0', '"7": 1', '"constructor": 2', '"toString": 3']) {
    assert.ok(text.includes(part), part);
  }
});

test("merges in both spellings are read, and others refused", async () => {
  const pairs = {
    ...bpe(["a", "b", "ab"], []),
    model: { type: "BPE", vocab: { a: 0, b: 1, ab: 2 } },
  };
  const of = (merges: unknown): Made => ({
    rows: 3,
    json: { ...pairs, model: { ...pairs.model, merges } },
  });
  const c: Made = { rows: 1, json: bpe(["c"], []) };
  for (const merges of [["a b"], [["a", "b"]]]) {
    assert.deepEqual(written(await plan({ a: of(merges), c })).json.model.merges, merges);
  }
  for (const merges of [["a b c"], ["ab"], [["a"]], [["a", 1]], [7], { a: "b" }]) {
    await assert.rejects(plan({ a: of(merges), c }), /model\.merges|is no pair to join/);
  }
});

test("a folder without tokenizer.json is named", async () => {
  const [parent] = parents({ a: A });
  rmSync(join(parent!.directory, "tokenizer.json"));
  await assert.rejects(
    planTokenizer({ source: "base", tokens: [] }, [parent!], "a", false),
    /tokenizer\.json is missing/,
  );
});
