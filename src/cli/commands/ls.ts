// `tsmerge ls methods|tasks|strategies`: what there is to choose from, taken from the registries.

import { Argument, Command } from "commander";
import { jsonOption } from "../options.ts";

const KINDS = ["methods", "tasks", "strategies"] as const;
type Kind = (typeof KINDS)[number];

export function lsCommand(): Command {
  return new Command("ls")
    .description("list merge methods, evaluation tasks or search strategies")
    .addArgument(new Argument("<what>", "what to list").choices(KINDS))
    .addOption(jsonOption())
    .action(async (what: Kind, flags: { readonly json?: boolean }) => {
      const { json, text } = await listed(what);
      const result = JSON.stringify({ schemaVersion: 1, [what]: json });
      process.stdout.write(`${flags.json === true ? result : text}\n`);
    });
}

async function listed(what: Kind): Promise<{ json: unknown; text: string }> {
  const { renderMethods, renderNames } = await import("../../report/registries.ts");
  switch (what) {
    case "methods": {
      const { MERGE_METHODS } = await import("../../merge/methods/registry.ts");
      const json = MERGE_METHODS.map(({ name, summary, reference, base, parameters }) => {
        return { name, summary, reference, base, parameters };
      });
      return { json, text: renderMethods(MERGE_METHODS) };
    }
    case "tasks": {
      const { listTasks } = await import("../../evals/tasks/task-folder.ts");
      const entries = [...(await listTasks())].map(([name, { kind }]) => ({ name, kind }));
      const rows = entries.map(({ name, kind }) => [name, kind]);
      return { json: entries, text: renderNames(["task", "kind"], rows) };
    }
    case "strategies": {
      const { STRATEGIES } = await import("../../search/strategies/registry.ts");
      const json = STRATEGIES.map(({ name, summary }) => ({ name, summary }));
      const rows = json.map(({ name, summary }, i) => [
        name,
        i === 0 ? `${summary} (default)` : summary,
      ]);
      return { json, text: renderNames(["strategy", "what it is"], rows) };
    }
    default:
      return what satisfies never;
  }
}
