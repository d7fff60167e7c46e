// A benchmark of many subjects in one file: a group with `subjects` instead of `task` stands for a task a subject
// and a group a category. It is tsmerge's own key; what comes out are lm-evaluation-harness's mappings.

import { dirname, resolve } from "node:path";
import { z } from "zod";
import { TsmergeError } from "../../base/errors.ts";
import { schemaProblems } from "../../base/schema-problem.ts";
import { type RawTask, readRawTask } from "./task-file.ts";

const text = z.string();

const schema = z.strictObject({
  /** The file of the fields that all subjects share. */
  include: text,
  /** Which splits the counts of rows below are of. */
  splits: z.array(text).min(1),
  categories: z.record(text, z.record(text, z.array(z.int().nonnegative()))),
});

/**
 * The mappings of a group with `subjects`, by name: the group, `<group>_<category>` and `<group>_<subject>`.
 * A category averages what the group averages.
 * @throws TsmergeError `config` naming the file and every key that is wrong
 */
export async function expandSubjects(raw: RawTask, path: string): Promise<Map<string, RawTask>> {
  const { subjects, ...group } = raw;
  const parsed = schema.safeParse(subjects);
  if (!parsed.success) throw malformed(schemaProblems(parsed.error), path);
  const { include, splits, categories } = parsed.data;
  const shared = await readRawTask(resolve(dirname(path), include), [path]);
  const name = String(raw.group);
  const names = (members: object): string[] =>
    Object.keys(members).map((each) => `${name}_${each}`);
  const expanded = new Map<string, RawTask>([[name, { ...group, task: names(categories) }]]);
  for (const [category, members] of Object.entries(categories)) {
    const own = { ...group, group: `${name}_${category}`, group_alias: category };
    expanded.set(own.group, { ...own, task: names(members) });
    for (const [subject, counts] of Object.entries(members)) {
      if (counts.length !== splits.length) {
        throw malformed(`${subject} has ${counts.length} counts for ${splits.length} splits`, path);
      }
      const rows = Object.fromEntries(splits.map((split, index) => [split, counts[index]!]));
      const task = `${name}_${subject}`;
      expanded.set(task, { ...shared, task, task_alias: subject, dataset_name: subject, rows });
    }
  }
  return expanded;
}

function malformed(what: string, where: string): TsmergeError {
  return new TsmergeError("config", `field subjects: ${what}`, {
    where,
    hint: "write include, splits and categories as in evals/tasks/mmlu/mmlu.yaml",
  });
}
