// The tables of a run's database, as an ordered list of migrations. One file holds one run. The thing to
// know: a generation's row is the strategy's state before asking, so the newest row is all that resuming needs.

/** A kind of file: the mark in its header, its tables, and what a message calls it. */
export interface Format {
  readonly applicationId: number;
  /** Entry i brings a database from version i to version i + 1. */
  readonly migrations: readonly string[];
  readonly content: string;
  /** What a user would choose anew. */
  readonly place: string;
}

/** "tsmg": says in the file's header whose database this is. */
export const APPLICATION_ID = 0x74736d67;

const VERSION_1 = `
CREATE TABLE run (
  id            INTEGER PRIMARY KEY CHECK (id = 1),
  identity      TEXT NOT NULL CHECK (json_valid(identity)),     -- config, tasks, data hashes, seed; no budget
  identity_hash TEXT NOT NULL,
  environment   TEXT NOT NULL CHECK (json_valid(environment)),  -- versions and device of the latest command
  budget        TEXT NOT NULL CHECK (json_valid(budget)),       -- of the latest command
  stage         TEXT NOT NULL CHECK (stage IN ('search', 'selection', 'report', 'finished')),
  created_ms    INTEGER NOT NULL,
  updated_ms    INTEGER NOT NULL
) STRICT;

-- A generation is told when its successor exists.
CREATE TABLE generation (
  number     INTEGER PRIMARY KEY CHECK (number >= 0),
  state      TEXT NOT NULL CHECK (json_valid(state)),           -- before its candidates are asked for
  created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE candidate (
  id          TEXT PRIMARY KEY,                                 -- "generation.k", or the label
  kind        TEXT NOT NULL CHECK (kind IN ('search', 'baseline', 'shortlist')),
  generation  INTEGER REFERENCES generation (number),
  k           INTEGER,
  label       TEXT,
  genome      TEXT CHECK (json_valid(genome)),                  -- numbers, gene units; JSON keeps f64 exactly
  parents     TEXT NOT NULL CHECK (json_valid(parents)),        -- ids of candidates
  recipe      TEXT NOT NULL,                                    -- YAML
  recipe_hash TEXT NOT NULL,
  status      TEXT NOT NULL DEFAULT 'pending'
              CHECK (status IN ('pending', 'running', 'done', 'failed')),
  attempts    INTEGER NOT NULL DEFAULT 0,                       -- counted before an attempt starts
  deaths      INTEGER NOT NULL DEFAULT 0,                       -- attempts during which the process died
  fitness     REAL,
  error       TEXT CHECK (json_valid(error)),
  merge_ms    REAL,
  score_ms    REAL,
  started_ms  INTEGER,
  ended_ms    INTEGER,
  UNIQUE (generation, k),
  CHECK ((kind = 'search') = (generation IS NOT NULL AND k IS NOT NULL AND genome IS NOT NULL)),
  CHECK ((kind = 'search') = (label IS NULL)),
  CHECK ((status = 'done') = (fitness IS NOT NULL)),
  CHECK ((status = 'failed') = (error IS NOT NULL))
) STRICT;
CREATE INDEX candidate_by_recipe ON candidate (recipe_hash);

-- Keyed by recipe, not by candidate: what is known of a recipe is never computed again.
CREATE TABLE batch_result (
  recipe_hash TEXT NOT NULL,
  workload    TEXT NOT NULL,
  batch       INTEGER NOT NULL CHECK (batch >= 0),
  log_probs   BLOB NOT NULL,                                    -- f32 little-endian, [K]
  greedy      BLOB NOT NULL,                                    -- u8, [K]
  UNIQUE (recipe_hash, workload, batch),
  CHECK (length(log_probs) = 4 * length(greedy))
) STRICT;

CREATE TABLE score (
  recipe_hash TEXT NOT NULL,
  split       TEXT NOT NULL CHECK (split IN ('search', 'selection', 'report')),
  task        TEXT NOT NULL,
  metric      TEXT NOT NULL,
  n           INTEGER NOT NULL CHECK (n > 0),
  value       REAL NOT NULL,
  stderr      REAL,
  low         REAL,                                             -- 95 % interval
  high        REAL,
  PRIMARY KEY (recipe_hash, split, task, metric)
) STRICT, WITHOUT ROWID;

-- What the stages after the search concluded, by name.
CREATE TABLE finding (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL CHECK (json_valid(value))
) STRICT, WITHOUT ROWID;
`;

const VERSION_2 = `
ALTER TABLE candidate ADD COLUMN items INTEGER;                  -- that its fitness is over; null in older runs
ALTER TABLE candidate ADD COLUMN stopped_after INTEGER;          -- rung that it was stopped after; null: not stopped
`;

/** Generated texts of a batch, a JSON list; null for a batch that has none. */
const VERSION_3 = "ALTER TABLE batch_result ADD COLUMN texts TEXT CHECK (json_valid(texts))";

/** Entry i brings a database from version i to version i + 1. Entries are never edited once released. */
export const MIGRATIONS: readonly string[] = [VERSION_1, VERSION_2, VERSION_3];

export const RUN_FORMAT: Format = {
  applicationId: APPLICATION_ID,
  migrations: MIGRATIONS,
  content: "run",
  place: "run folder",
};
