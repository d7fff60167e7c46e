// README.md of a merged model: the metadata that the Hugging Face hub reads, and what anyone needs to make
// the model again. Text only; nothing is read here.

import { basename, dirname } from "node:path";
import { markdownTable } from "markdown-table";
import { stringify } from "yaml";
import { type Fix, fixSentence } from "../../merge/fixes.ts";
import { methodNamed } from "../../merge/methods/registry.ts";
import { VERSIONS } from "../versions.ts";
import type { PlannedMerge } from "./planned-merge.ts";

export interface CardFacts {
  /** The model's, for the title. */
  readonly name: string;
  /** Content hash of each parent, by reference. */
  readonly parents: ReadonlyMap<string, string>;
  readonly weightsSha256: string;
  /** The recipe as a file. */
  readonly config: string;
  /** What was merged otherwise than by mergekit. */
  readonly fixes: readonly Fix[];
  /** As the user typed it. */
  readonly command: string | undefined;
}

/** What the hub files the model under; mergekit's tag because its recipe is mergekit's. */
const TAGS = ["merge", "mergekit", "tsmerge"];

/** The card as Markdown with YAML front matter. */
export function modelCard({ recipe, models, seed, plan }: PlannedMerge, facts: CardFacts): string {
  const metadata = stringify({
    base_model: [...models.keys()],
    library_name: "transformers",
    tags: TAGS,
  });
  const method = methodNamed(recipe.method);
  const parents = [...models.values()].map(({ reference, directory }) => [
    reference,
    roleOf(reference, recipe.base),
    revisionOf(directory) ?? "",
    facts.parents.get(reference) ?? "",
  ]);
  const made = [
    ["tsmerge", VERSIONS.tsmerge],
    ["seed", String(seed)],
    ["arithmetic", plan.compat ? "as mergekit's (--compat mergekit)" : "float32, rounded once"],
    ["weights SHA-256", facts.weightsSha256],
    ...(facts.command === undefined ? [] : [["command", `\`${facts.command}\``]]),
  ];
  return `---
${metadata}---
# ${facts.name}

A merge of ${models.size} model${models.size === 1 ? "" : "s"} by \`${method.name}\` (${method.reference}), made with tsmerge.

## Parents

${markdownTable([["model", "role", "revision", "SHA-256 of configuration and weights"], ...parents])}

## How it was made

${markdownTable([["", ""], ...made])}
${differences(facts.fixes)}
## Recipe

\`\`\`yaml
${facts.config.trimEnd()}
\`\`\`
`;
}

/** A section for what mergekit, given the same recipe, would have done otherwise. */
function differences(fixes: readonly Fix[]): string {
  if (fixes.length === 0) return "";
  return `\n## Otherwise than mergekit\n\n${fixes.map((fix) => `- ${fixSentence(fix)}\n`).join("")}`;
}

function roleOf(reference: string, base: string | undefined): string {
  return reference === base ? "base" : "merged";
}

/** The commit of a snapshot in the hub's cache. */
function revisionOf(directory: string): string | undefined {
  return basename(dirname(directory)) === "snapshots" ? basename(directory) : undefined;
}
