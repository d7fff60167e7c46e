// The tokens of a search. Questions are encoded once, so every candidate and everything it is compared with has
// one vocabulary: that of the base (or of the first model), or with tokenizer_source what the recipes' own
// tokenizer will be. A candidate's tables are read in its order, as the exported recipe merges them.

import { TsmergeError } from "../../base/errors.ts";
import { sha256 } from "../../base/hash.ts";
import { filesOf, tokenizerBytes } from "../../merge/tokenizer/tokenizer-folder.ts";
import { loadTokenizer, type Tokenizer } from "../../model/tokenizer.ts";
import type { LoadedModel, LoadedModels } from "../../recipe/compile/models.ts";
import { type OutputTokenizer, outputTokenizer } from "../../recipe/compile/output-tokenizer.ts";
import { adviseOnVocabularies } from "../../recipe/compile/vocabularies.ts";
import { donorReference, modelReferences, type Recipe } from "../../recipe/recipe.ts";
import {
  donorOf,
  type Genome,
  genomeReferences,
  isFlow,
  type SearchGenome,
} from "../../recipe/search/genome.ts";
import { searchSpace } from "../../recipe/search/space.ts";

export interface SearchTokenizer {
  /** What questions are encoded with. */
  readonly tokenizer: Tokenizer;
  /** Where its files lie; undefined for a tokenizer that recipes make. */
  readonly folder: string | undefined;
  /** What a recipe of the search is compiled with; undefined where tables are taken as they are stored. */
  readonly of: (recipe: Recipe) => OutputTokenizer | undefined;
  readonly notes: readonly string[];
}

/**
 * Reads the tokenizers of a search's models.
 * @param seed as of searchSpace
 * @throws TsmergeError as loadTokenizer and outputTokenizer, and `config` for candidates of unlike vocabularies
 */
export async function searchTokenizer(
  genome: SearchGenome,
  models: LoadedModels,
  seed: number,
): Promise<SearchTokenizer> {
  const donor = donorOf(genome);
  const { tokenizerDirectory } = models.get(donor)!; // the genome's models were loaded
  const source = isFlow(genome) ? undefined : genome.tokenizerSource;
  if (isFlow(genome) || source === undefined) {
    const tokenizer = await loadTokenizer(tokenizerDirectory);
    const notes = await notesOn(donor, models);
    return { tokenizer, folder: tokenizerDirectory, of: () => undefined, notes };
  }
  const common = await planned(recipeOfAll(genome, source), models);
  const byShape = new Map<string, OutputTokenizer>();
  for (const method of genome.methods) {
    const space = searchSpace({ ...genome, methods: [method] }, models, seed);
    const recipe = space.decode(space.start);
    const own = await planned(recipe, models);
    if (vocabularyOf(own) !== vocabularyOf(common)) {
      throw new TsmergeError(
        "config",
        `tokenizer_source ${source} numbers the tokens of ${method}'s merges otherwise than those of all models`,
        { hint: "write tokenizer_source: base, or search methods that use the base_model" },
      );
    }
    byShape.set(shapeOf(recipe), withoutTexts(own));
  }
  const rest = withoutTexts(common);
  return {
    tokenizer: await loadTokenizer(tokenizerDirectory, undefined, common.files),
    folder: common.files["tokenizer.json"] === undefined ? tokenizerDirectory : undefined,
    of: (recipe) => byShape.get(shapeOf(recipe)) ?? rest,
    notes: common.notes,
  };
}

/** Every model of the search under one tokenizer: single models and averages, which name none, are read so. */
function recipeOfAll(genome: Genome, source: "base" | "union"): Recipe {
  const sources = genomeReferences(genome).map((model) => ({ model, parameters: {} }));
  return {
    method: "linear",
    base: donorOf(genome),
    slices: [{ sources, parameters: {} }],
    parameters: {},
    tokenizer: { source, tokens: [] },
  };
}

async function planned(recipe: Recipe, models: LoadedModels): Promise<OutputTokenizer> {
  return (await outputTokenizer(recipe, models, false))!; // the recipe asks for a tokenizer
}

/** Equal for outputs whose tokens have equal ids. */
function vocabularyOf({ vocabulary, files }: OutputTokenizer): string {
  return `${vocabulary?.rows} ${files["tokenizer.json"] ?? "as it is"}`;
}

/** Recipes of one shape move rows alike. */
function shapeOf(recipe: Recipe): string {
  return JSON.stringify([donorReference(recipe), modelReferences(recipe), recipe.tokenizer]);
}

/** Files are written when a recipe is merged; a plan that is only scored does not carry megabytes of them. */
function withoutTexts(tokenizer: OutputTokenizer): OutputTokenizer {
  return { ...tokenizer, files: {} };
}

/** Parents that were trained on other tokens than the donor's, which every candidate is asked with. */
async function notesOn(donor: string, models: LoadedModels): Promise<string[]> {
  const first = models.get(donor)!;
  const digest = async ({ tokenizerDirectory }: LoadedModel): Promise<string> =>
    sha256(await tokenizerBytes(tokenizerDirectory));
  const expected = await digest(first);
  const notes: string[] = [];
  for (const other of models.values()) {
    const isThere = (await filesOf(other.tokenizerDirectory)).includes("tokenizer.json");
    if (isThere && (await digest(other)) === expected) continue;
    const has = isThere ? `has another tokenizer.json than ${donor}` : "has no tokenizer.json";
    notes.push(`${other.reference} ${has}: it is scored with ${donor}'s tokens`);
  }
  return [...notes, ...(await adviseOnVocabularies([first, ...models.values()]))];
}
