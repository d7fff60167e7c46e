// The files of a run folder. The database is the truth; every other file can be written again from it.

import { appendFileSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { TsmergeError } from "../../base/errors.ts";
import type { RunEvent } from "./events.ts";

export interface RunFolder {
  readonly path: string;
  readonly config: string;
  readonly database: string;
  readonly bestConfig: string;
  readonly results: string;
  /** Folder of the front's recipes, of a strategy with several objectives. */
  readonly front: string;
  readonly events: string;
  /** Models written for programs to look at; each goes when it was scored. */
  readonly outside: string;
}

/** The paths of a run folder, whether it exists or not. */
export function runFolder(path: string): RunFolder {
  return {
    path,
    config: join(path, "config.yml"),
    database: join(path, "run.db"),
    bestConfig: join(path, "best_config.yaml"),
    results: join(path, "results.json"),
    front: join(path, "front"),
    events: join(path, "events.jsonl"),
    outside: join(path, "outside"),
  };
}

/**
 * Creates the folder if need be.
 * @throws TsmergeError `io` when it cannot be made
 */
export function createRunFolder(folder: RunFolder): void {
  try {
    mkdirSync(folder.path, { recursive: true });
  } catch (cause) {
    throw new TsmergeError("io", `the run folder ${folder.path} cannot be created`, {
      cause,
      hint: "name another one with --run-folder",
    });
  }
}

/** Replaces a text file whole: a reader sees the old one or the new one. */
export function replaceFile(path: string, text: string): void {
  writeFileAtomic.sync(path, text);
}

/** Appends an event with its time; progress is talk and is not kept. */
export function appendEvent(folder: RunFolder, event: RunEvent, time: Date): void {
  if (event.type === "progress") return;
  appendFileSync(folder.events, `${JSON.stringify({ time: time.toISOString(), ...event })}\n`);
}

/** Writes a front's recipes as 01.yaml, 02.yaml and so on; files of a longer one are removed. */
export function writeFront(folder: string, recipes: readonly string[]): string[] {
  mkdirSync(folder, { recursive: true });
  const names = recipes.map((_, index) => `${String(index + 1).padStart(2, "0")}.yaml`);
  for (const name of readdirSync(folder)) {
    if (/^\d+\.yaml$/.test(name) && !names.includes(name)) rmSync(join(folder, name));
  }
  recipes.forEach((recipe, index) => {
    replaceFile(join(folder, names[index]!), recipe);
  });
  return names.map((name) => join(folder, name));
}
