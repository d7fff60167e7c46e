// The `tasks` of a search file: names, or mappings with weight, metric and, for what is not scored in this process,
// `command` or `http`.

import { isScalar, type Node } from "yaml";
import { z } from "zod";
import { didYouMean } from "../../base/suggest.ts";
import { METRICS, type MetricKey } from "../../evals/metrics.ts";
import { checkShape } from "../yaml/schema.ts";
import {
  complain,
  itemsOf,
  membersOf,
  memberValue,
  plain,
  rejectUnknown,
  type YamlFile,
} from "../yaml/yaml-file.ts";
import type { TaskChoice, TaskSource } from "./task-choice.ts";

/** A metric, or one of generated texts after a filter, such as `exact_match,strict-match`. */
export const METRIC = z
  .string()
  .transform((name) => name.replace(/,none$/, ""))
  .superRefine((name, context) => {
    const bare = name.replace(/,.*/s, "");
    if (METRICS.some((each) => each === bare)) return;
    const message = `is not a metric${didYouMean(bare, METRICS)}; there are ${METRICS.join(", ")}`;
    context.addIssue({ code: "custom", message });
  })
  .transform((name) => name as MetricKey); // checked above

const seconds = z.number().positive();
const command = z.union([z.string().min(1), z.array(z.string()).min(1)], {
  error: "is not a command: a line for the shell, or a list of words",
});

const HTTP = z.object({
  url: z.string().regex(/^https?:\/\//, "is not an address that begins with http:// or https://"),
  serve: command.optional(),
  model: z.string().default("{model}"),
  timeout: seconds.default(60),
  start_timeout: seconds.default(300),
  retries: z.int().nonnegative().default(2),
  parallel: z.int().positive().default(4),
});

const TASK = z.object({
  name: z.string().min(1),
  weight: z
    .number()
    .positive({ error: "is not above 0; what is minimised counts with its sign turned anyway" })
    .default(1),
  metric: METRIC.optional(),
  command: command.optional(),
  timeout: seconds.optional(),
  retries: z.int().nonnegative().optional(),
  direction: z.enum(["maximise", "minimise"]).optional(),
  http: z.unknown().optional(),
});

/** Keys that say how a program is run. */
const WITH_COMMAND = ["timeout", "retries", "direction"] as const;

const COMMAND_SECONDS = 3600;
const COMMAND_RETRIES = 1;

/** The tasks of a file; what is wrong with them is added to its problems. */
export function readTasks(
  file: YamlFile,
  node: Node | undefined,
  byDefault: MetricKey | undefined,
): TaskChoice[] {
  const tasks = itemsOf(file, node, "tasks").flatMap((item) => readTask(file, item, byDefault));
  const twice = tasks.find((task, index) =>
    tasks.some((one, i) => i < index && one.name === task.name),
  );
  if (twice !== undefined) {
    complain(file, node, `task ${twice.name} is listed twice`, "list it once, with weight: 2");
  }
  return tasks;
}

function readTask(
  file: YamlFile,
  item: Node,
  byDefault: MetricKey | undefined,
): TaskChoice | readonly [] {
  if (isScalar(item)) return { name: String(plain(file, item)), weight: 1, metric: byDefault };
  const members = membersOf(file, item, "a task");
  rejectUnknown(file, members, Object.keys(TASK.shape), "a task");
  const task = checkShape(file, TASK, item);
  const http = readEndpoint(file, memberValue(members, "http"));
  if (task === undefined) return [];
  const { name, weight } = task;
  if (task.command === undefined) {
    const stray = WITH_COMMAND.find((key) => task[key] !== undefined);
    if (stray !== undefined) {
      complain(
        file,
        memberValue(members, stray),
        `${stray} says how a command is run`,
        "add command:, or move it below http:",
      );
    }
    return { name, weight, metric: task.metric ?? byDefault, ...(http && { source: http }) };
  }
  if (http !== undefined) {
    complain(file, item, `task ${name} has both command and http`, "keep one of them");
  }
  if (task.metric !== undefined) {
    const hint = "leave metric out, and write direction: minimise if less is better";
    complain(file, memberValue(members, "metric"), "a program's score is its own metric", hint);
  }
  const source: TaskSource = {
    ...{ kind: "command", command: task.command },
    timeoutSeconds: task.timeout ?? COMMAND_SECONDS,
    retries: task.retries ?? COMMAND_RETRIES,
    isMinimised: task.direction === "minimise",
  };
  return { name, weight, source };
}

function readEndpoint(file: YamlFile, node: Node | undefined): TaskSource | undefined {
  if (node === undefined) return undefined;
  rejectUnknown(file, membersOf(file, node, "http"), Object.keys(HTTP.shape), "http");
  const http = checkShape(file, HTTP, node);
  if (http === undefined) return undefined;
  const { url, serve, model, timeout, start_timeout, retries, parallel } = http;
  if (url.includes("{port}") && serve === undefined) {
    complain(
      file,
      node,
      "url has a {port} that nothing is started on",
      "add serve:, or write the port",
    );
  }
  return {
    ...{ kind: "http", url: url.replace(/\/+$/, ""), serve, model, retries, parallel },
    ...{ timeoutSeconds: timeout, startSeconds: start_timeout },
  };
}
