// The files of a run folder. The database is the truth; every other file can be written again from it.

import { appendFileSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { TsmergeError } from "../../base/errors.ts";
import { ioError } from "../../base/io-error.ts";
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
 * @throws TsmergeError `io` when it cannot be made; `usage` when files of somebody else's would be overwritten
 */
export function createRunFolder(folder: RunFolder): void {
  try {
    mkdirSync(folder.path, { recursive: true });
  } catch (cause) {
    throw ioError("create the run folder", folder.path, cause);
  }
  if (existsSync(folder.database)) return;
  const taken = [folder.config, folder.bestConfig, folder.results, folder.events].find(existsSync);
  if (taken === undefined) return;
  throw new TsmergeError("usage", `the folder holds ${basename(taken)} but no run`, {
    where: folder.path,
    hint: "name another folder with --run-folder, or move the file away: the run would overwrite it",
  });
}

/**
 * Replaces a text file whole: a reader sees the old one or the new one.
 * @throws TsmergeError `io` when the disk refuses
 */
export function replaceFile(path: string, text: string): void {
  try {
    writeFileAtomic.sync(path, text);
  } catch (cause) {
    throw ioError("write", path, cause);
  }
}

/** Appends an event with its time; progress is talk and is not kept. */
export function appendEvent(folder: RunFolder, event: RunEvent, time: Date): void {
  if (event.type === "progress") return;
  const line = `${JSON.stringify({ time: time.toISOString(), ...event })}\n`;
  try {
    appendFileSync(folder.events, line);
  } catch (cause) {
    throw ioError("write", folder.events, cause);
  }
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
