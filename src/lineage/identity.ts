// What makes two commands the same run: the same identity (config, tasks, data hashes, seed; never the
// budget), compared as JSON. Not a hash comparison only: a mismatch has to say what differs.

import { TsmergeError } from "../base/errors.ts";
import { canonicalJson } from "../base/hash.ts";

/** Plain JSON data. */
export type Identity = Readonly<Record<string, unknown>>;

export interface Difference {
  /** Such as `config.genome.models[1]`. */
  readonly path: string;
  /** undefined where a side lacks the key. */
  readonly recorded: unknown;
  readonly asked: unknown;
}

const LONGEST_VALUE = 60;

/** Every leaf at which two JSON values differ, in the order of the keys. */
export function differences(recorded: unknown, asked: unknown, path = ""): Difference[] {
  if (isContainer(recorded) && isContainer(asked)) {
    const keys = new Set([...Object.keys(recorded), ...Object.keys(asked)]);
    return [...keys].flatMap((key) => {
      const step = Array.isArray(asked) ? `[${key}]` : path === "" ? key : `.${key}`;
      return differences(member(recorded, key), member(asked, key), path + step);
    });
  }
  return canonicalJson(recorded) === canonicalJson(asked) ? [] : [{ path, recorded, asked }];
}

/** Arrays and objects; one of each is a difference of its own, not of members. */
function isContainer(value: unknown): value is object {
  return value !== null && typeof value === "object";
}

function member(container: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(container, key)?.value;
}

/** The refusal to continue a run with another identity; names every difference with both values. */
export function otherRun(where: string, recorded: Identity, asked: Identity): TsmergeError {
  const lines = differences(recorded, asked).map(
    ({ path, recorded, asked }) =>
      `\n  ${path}: ${shown(recorded)} in the folder, ${shown(asked)} now`,
  );
  return new TsmergeError(
    "lineage",
    `the folder holds another run; what differs:${lines.join("")}`,
    {
      where,
      hint: "name another folder with --run-folder, or repeat the command that the folder was made with",
    },
  );
}

function shown(value: unknown): string {
  if (value === undefined) return "absent";
  const text = canonicalJson(value);
  return text.length <= LONGEST_VALUE ? text : `${text.slice(0, LONGEST_VALUE)}…`;
}
