// Folders of task files in lm-evaluation-harness's format: which names they define. A folder may hold thousands of
// files, so each is only searched for its name; task-names.ts reads those that are asked for.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { TsmergeError } from "../../base/errors.ts";
import { expandSubjects } from "./subjects.ts";
import { type RawTask, readRawTask } from "./task-file.ts";

/** The tasks that ship with the package: evals/ stands two folders above this file in src and in dist. */
const SHIPPED = join(import.meta.dirname, "../../../evals/tasks");

/** A name and where it is defined. */
export interface Listed {
  readonly kind: "group" | "task";
  readonly path: string;
  /** Its mapping, when its file defines several and had to be read. */
  readonly raw?: RawTask;
}

/**
 * All names of the bundled tasks and of further folders; a later folder replaces an earlier one's.
 * @throws TsmergeError `io` for a folder that cannot be listed; `config` for a malformed list of subjects
 */
export async function listTasks(folders: readonly string[] = []): Promise<Map<string, Listed>> {
  const listed = new Map<string, Listed>();
  for (const folder of [SHIPPED, ...folders]) {
    const own = new Map<string, Listed>();
    for (const path of await yamlFiles(folder)) {
      for (const [name, each] of await namesIn(path)) {
        if (!own.has(name)) own.set(name, each); // the first of a folder counts
      }
    }
    for (const [name, each] of own) listed.set(name, each);
  }
  return listed;
}

async function yamlFiles(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true });
    return entries
      .filter((entry) => /\.ya?ml$/.test(entry))
      .sort()
      .map((entry) => join(folder, entry));
  } catch (cause) {
    throw new TsmergeError("io", `cannot list the task folder ${folder}`, {
      hint: "give --include-path a folder of task files",
      cause,
    });
  }
}

/** The value of the first `group:` or `task:` line that has one, and the names of its subjects. */
async function namesIn(path: string): Promise<[string, Listed][]> {
  const text = await readFile(path, "utf8");
  if (/^subjects\s*:/m.test(text)) {
    const expanded = await expandSubjects(await readRawTask(path), path);
    return [...expanded].map(([name, raw]) => [name, { kind: kindOf(raw), path, raw }]);
  }
  const group = nameAfter("group", text);
  const name = group ?? nameAfter("task", text);
  if (name === undefined) return [];
  return [[name, { kind: group === undefined ? "task" : "group", path }]];
}

function nameAfter(key: string, text: string): string | undefined {
  return new RegExp(`^["']?${key}["']?\\s*:[ \\t]*["']?([^\\s"'#[]+)`, "m").exec(text)?.[1];
}

function kindOf(raw: RawTask): Listed["kind"] {
  return raw.group === undefined ? "task" : "group";
}
