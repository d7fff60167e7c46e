// The tables of an item store, as an ordered list of migrations. One file serves any number of models.

import type { Format } from "./schema.ts";

const VERSION_1 = `
-- Everything that decides an answer but the request: model, tokenizer, types, engine.
CREATE TABLE scope (
  id       INTEGER PRIMARY KEY,
  hash     TEXT NOT NULL UNIQUE,
  identity TEXT NOT NULL CHECK (json_valid(identity))
) STRICT;

CREATE TABLE answer (
  scope           INTEGER NOT NULL REFERENCES scope (id),
  request         TEXT NOT NULL,                      -- SHA-256 of the texts that are asked
  log_likelihoods BLOB NOT NULL,                      -- f64 little-endian, [continuations]
  greedy          BLOB NOT NULL,                      -- u8, [continuations]
  texts           TEXT NOT NULL CHECK (json_valid(texts)),
  PRIMARY KEY (scope, request),
  CHECK (length(log_likelihoods) = 8 * length(greedy))
) STRICT, WITHOUT ROWID;

-- An evaluation under way: what it has to compute, so that a restart makes the same batches.
CREATE TABLE work (
  scope    INTEGER NOT NULL REFERENCES scope (id),
  key      TEXT NOT NULL,
  requests TEXT NOT NULL CHECK (json_valid(requests)),
  PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE work_batch (
  scope     INTEGER NOT NULL,
  key       TEXT NOT NULL,
  batch     INTEGER NOT NULL CHECK (batch >= 0),
  log_probs BLOB NOT NULL,                            -- f32 little-endian, [K]
  greedy    BLOB NOT NULL,                            -- u8, [K]
  UNIQUE (scope, key, batch),
  CHECK (length(log_probs) = 4 * length(greedy))
) STRICT;
`;

/** Generated texts of a batch, a JSON list; null for a batch that has none. */
const VERSION_2 = "ALTER TABLE work_batch ADD COLUMN texts TEXT CHECK (json_valid(texts))";

export const ITEM_STORE_FORMAT: Format = {
  applicationId: 0x74736d69, // "tsmi"
  migrations: [VERSION_1, VERSION_2],
  content: "store",
  place: "file with --store",
};
