// For every model, where the rows of its embeddings come from under another vocabulary: its own row of the
// same token, or one that stands in. No weights are read: rows.ts gathers them.

import { TsmergeError } from "../../base/errors.ts";
import { didYouMean } from "../../base/suggest.ts";
import type { RowOf, RowOrigin } from "../plan.ts";

/** What stands in for a token that a model lacks: zeros, or a row of a named model. */
export type TokenSource =
  | { readonly kind: "zero" }
  | { readonly kind: "model_token"; readonly model: string; readonly token: string | number };

/** A token that the recipe names. */
export interface TokenRequest {
  readonly token: string;
  /** Undefined: as for tokens that are not named. */
  readonly source?: TokenSource;
  /** Use the source in models too that have the token. */
  readonly force: boolean;
}

/** A model with embeddings. */
export interface TokenModel {
  /** As the recipe names it. */
  readonly reference: string;
  /** The id of each of its tokens. */
  readonly ids: ReadonlyMap<string, number>;
  /** Rows of its embeddings: a token with an id beyond has none. */
  readonly rows: number;
}

export interface RowsRequest {
  /** The output's tokens to their ids. */
  readonly vocabulary: ReadonlyMap<string, number>;
  /** The models that are merged, in order. */
  readonly models: readonly TokenModel[];
  /** Models that only give rows to named tokens. */
  readonly donors: readonly TokenModel[];
  readonly base: string;
  readonly tokens: readonly TokenRequest[];
  /** Rows of the output before padding. */
  readonly rows: number;
  /** Rows of the output. */
  readonly paddedRows: number;
  /** The model whose rows without a token are kept, undefined where they become zeros. */
  readonly namelessFrom: string | undefined;
}

export interface TokenRows {
  /** The origins of every model's rows, by reference; a model whose tables stay as they are is left out. */
  readonly rows: ReadonlyMap<string, readonly RowOrigin[]>;
  /** References that RowOf.donor counts. */
  readonly donors: readonly string[];
}

/**
 * Origins by mergekit's rules: a token that one model has, or the base, comes from there; one that several
 * others have is their mean; one that nobody has is zeros.
 * @throws TsmergeError `config` for a source that is not there
 */
export function tokenRows(request: RowsRequest): TokenRows {
  const { vocabulary, models, rows, paddedRows } = request;
  const named = new Map(request.tokens.map((one) => [one.token, one]));
  const nameless = [...models, ...request.donors].find(
    ({ reference }) => reference === request.namelessFrom,
  );
  const donors: string[] = [];
  const listed = (places: readonly Place[]): RowOf[] =>
    places.map(({ model: { reference }, row }) => {
      if (!donors.includes(reference)) donors.push(reference);
      return { donor: donors.indexOf(reference), row };
    });
  const tokenIds = new Set(vocabulary.values());
  const origins = models.map((model) => {
    const taken = new Set(model.ids.values());
    return Array.from({ length: paddedRows }, (_, id): RowOrigin => {
      if (id >= rows) return "mean";
      if (nameless === undefined || id >= nameless.rows || tokenIds.has(id)) return [];
      const isFree = id < model.rows && !taken.has(id);
      return isFree ? id : listed([{ model: nameless, row: id }]);
    });
  });
  for (const [token, id] of vocabulary) {
    const wish = named.get(token);
    const standIn =
      wish?.source === undefined ? usual(token, request) : chosen(token, wish.source, request);
    const [only] = standIn;
    for (const [m, model] of models.entries()) {
      const own = wish?.force === true ? undefined : rowIn(model, token);
      const isOwn = standIn.length === 1 && only?.model === model;
      origins[m]![id] = own ?? (isOwn ? only.row : listed(standIn));
    }
  }
  const moved = models.flatMap((model, m): [string, readonly RowOrigin[]][] => {
    const table = origins[m]!;
    const isAsStored = table.length === model.rows && table.every((origin, row) => origin === row);
    return isAsStored ? [] : [[model.reference, table]];
  });
  return { rows: new Map(moved), donors };
}

interface Place {
  readonly model: TokenModel;
  readonly row: number;
}

function rowIn({ ids, rows }: TokenModel, token: string): number | undefined {
  const id = ids.get(token);
  return id !== undefined && id < rows ? id : undefined;
}

/** The rows whose mean stands in for a token without a source of its own. */
function usual(token: string, { models, base }: RowsRequest): Place[] {
  const holders = models.flatMap((model) => {
    const row = rowIn(model, token);
    return row === undefined ? [] : [{ model, row }];
  });
  const inBase = holders.find(({ model }) => model.reference === base);
  return inBase === undefined ? holders : [inBase];
}

function chosen(token: string, source: TokenSource, { models, donors }: RowsRequest): Place[] {
  if (source.kind === "zero") return [];
  const model = [...models, ...donors].find(({ reference }) => reference === source.model);
  if (model === undefined) {
    throw new TsmergeError("internal", `model ${source.model} of token ${token} was not loaded`);
  }
  const isName = typeof source.token === "string";
  const row = isName
    ? rowIn(model, source.token)
    : source.token < model.rows
      ? source.token
      : undefined;
  if (row !== undefined) return [{ model, row }];
  const guess = isName ? didYouMean(source.token, [...model.ids.keys()]) : "";
  throw new TsmergeError(
    "config",
    `${source.model} has no token ${JSON.stringify(source.token)} to stand in for ${JSON.stringify(token)}${guess}`,
    { hint: "name a token that the model has, or another model" },
  );
}
