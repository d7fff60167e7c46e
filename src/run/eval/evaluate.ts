// `tsmerge eval`: one model on some tasks, through the same executor and decoder as every candidate. What it
// answers is kept in an item store, so that no question is ever put to a model twice.

import { availableParallelism } from "node:os";
import type { FloatType } from "../../base/dtype.ts";
import { TsmergeError } from "../../base/errors.ts";
import { fingerprint } from "../../checkpoint/fingerprint.ts";
import type { Answer, Item, ItemScore } from "../../evals/item.ts";
import { keyOf, scoreItem } from "../../evals/metrics.ts";
import { type SuiteResult, summarise } from "../../evals/results.ts";
import type { AskingStyle } from "../../evals/tasks/prompt.ts";
import type { Suite } from "../../evals/tasks/tasks.ts";
import type { Device } from "../../kernel/device.ts";
import type { Identity } from "../../lineage/identity.ts";
import { openItemStore } from "../../lineage/item-store.ts";
import { readModelConfig } from "../../model/config.ts";
import { unscoredNote } from "../../model/family/model-weights.ts";
import { readGenerationConfig, type TextShape } from "../../model/generation-config.ts";
import { loadTokenizer, type Tokenizer, tokenizerDigest } from "../../model/tokenizer.ts";
import { runtimeVersion } from "../../ort/runtime.ts";
import type { Device as SessionDevice } from "../../ort/session.ts";
import { compileRecipe } from "../../recipe/compile/compile.ts";
import { loadModels } from "../../recipe/compile/models.ts";
import { singleModel } from "../../recipe/search/baselines.ts";
import { encodingNotes } from "../encoding-notes.ts";
import { promptStyle } from "../prompt-style.ts";
import { sessionDevice } from "../resources.ts";
import { VERSIONS } from "../versions.ts";
import { type AskOptions, type AskStatistics, askAll } from "./answers.ts";
import { chooseItems, type ItemChoice } from "./item-choice.ts";
import { refuseUnlessScreened } from "./screening.ts";

/** Raise it when the same request may come out with other numbers: another graph, another tokenisation. */
const SCORING_VERSION = 2;

export interface EvaluateOptions extends ItemChoice, AskOptions, AskingStyle {
  /** Whether prompts begin with BOS; the tokenizer's own way by default. */
  readonly addsBos?: boolean | undefined;
  /** Positions to use; the model's by default. */
  readonly maxLength?: number | undefined;
  /** Rounds the weights to a type first; as stored by default. Arithmetic is float32, but for the screening of int8. */
  readonly dtype?: FloatType | "int8" | undefined;
  readonly device: Device;
  /** The item store's file. */
  readonly store: string;
}

export interface Evaluation {
  readonly model: string;
  readonly suite: Suite;
  /** Those that were asked, after the limits; answers and scores stand in their order. */
  readonly items: readonly Item[];
  readonly answers: readonly Answer[];
  readonly scores: readonly ItemScore[];
  readonly results: SuiteResult;
  /** What decided the numbers besides the items; the scope of the store. */
  readonly conditions: Conditions;
  readonly statistics: AskStatistics;
  /** What task files say that means nothing here, and what tokenisation had to do out of the ordinary. */
  readonly warnings: readonly string[];
  /** The chat template's text, if prompts are conversations. */
  readonly chatTemplate: string | undefined;
}

export interface Conditions extends Identity {
  /** Fingerprint of the weights and the configuration. */
  readonly model: string;
  /** Digest of the tokenizer's files. */
  readonly tokenizer: string;
  readonly dtype: FloatType | "int8" | "auto";
  readonly device: SessionDevice;
  /** Whether prompts begin with BOS, and the token that stands for an empty prompt. */
  readonly bos: { readonly added: boolean; readonly prefixId: number | null };
  readonly maxLength: number;
  /** What generation_config.json says of texts: null where it says nothing. */
  readonly texts: { readonly endTokens: readonly number[] | null; readonly shape: TextShape };
  readonly versions: Readonly<Record<string, string | number>>;
}

/**
 * Scores the model at a location (a folder, or one with an adapter after it: see joinLocation).
 * @param tasks names of groups or leaf tasks
 * @throws TsmergeError as loading tasks and models does; `interrupted` after the signal: what was finished is kept
 */
export async function evaluateModel(
  directory: string,
  tasks: readonly string[],
  options: EvaluateOptions,
): Promise<Evaluation> {
  const models = await loadModels([directory], async (reference) => reference);
  const model = models.get(directory)!;
  const style = await promptStyle(model.tokenizerDirectory, options);
  const { suite, items } = await chooseItems(tasks, options, style);
  const tokenizer = await loadTokenizer(model.tokenizerDirectory, options.addsBos);
  const { maxPositions } = await readModelConfig(model.directory);
  const maxLength = checkedLength(options.maxLength ?? maxPositions, maxPositions);
  const device = sessionDevice(options.device);
  const generation = await readGenerationConfig(model.tokenizerDirectory);
  const conditions: Conditions = {
    model: await fingerprint(model.location),
    tokenizer: await tokenizerDigest(model.tokenizerDirectory),
    dtype: options.dtype ?? "auto",
    device,
    bos: bosOf(tokenizer),
    maxLength,
    texts: { endTokens: generation.endTokens ?? null, shape: generation.shape },
    versions: {
      tsmerge: VERSIONS.tsmerge,
      onnxruntime: runtimeVersion(),
      scoring: SCORING_VERSION,
    },
  };
  const { dtype } = options;
  const int8 = dtype === "int8";
  if (int8) await refuseUnlessScreened(items, device);
  const rounded = dtype === undefined || dtype === "int8" ? {} : { dtype };
  const recipe = { ...singleModel(directory), ...rounded };
  const unscored = unscoredNote("the model", model.weights);
  const subject = {
    name: directory,
    plan: compileRecipe(recipe, { models, seed: 0, compat: false }),
    tokenizer,
    limits: { prefixId: tokenizer.prefixId, maxLength, tokenizerFolder: model.tokenizerDirectory },
    device,
    threads: availableParallelism(),
    int8,
  };
  const store = openItemStore(options.store);
  try {
    const asked = await askAll(items, subject, store.scope(conditions), options);
    const scores = items.map((item, index) => {
      const { logLikelihoods, greedy, texts } = asked.answers[index]!;
      return scoreItem(keyOf(item), logLikelihoods, greedy, texts);
    });
    return {
      ...{ model: directory, suite, items, scores, conditions, ...asked },
      chatTemplate: style.chat?.template,
      results: summarise(suite, scores),
      warnings: [
        ...suite.warnings,
        ...(unscored === undefined ? [] : [unscored]),
        ...(items.some(isGenerated) ? generation.notApplied : []),
        ...encodingNotes(asked.statistics.counts),
      ],
    };
  } finally {
    store.close();
  }
}

function isGenerated({ judgement }: Item): boolean {
  return judgement?.kind === "generation";
}

function checkedLength(length: number, positions: number): number {
  if (length <= positions) return length;
  throw new TsmergeError(
    "usage",
    `max_length is ${length}, and the model has ${positions} positions`,
    {
      hint: `leave it out, or use at most ${positions}`,
    },
  );
}

function bosOf({ addsBos, prefixId }: Tokenizer): Conditions["bos"] {
  return { added: addsBos, prefixId: prefixId ?? null };
}
