// What adapter_config.json says of a LoRA adapter that merging needs: the factor on each pair of matrices.
// Forms of adapters that are not a plain product, or that changed the base itself, are refused here.

import { join } from "node:path";
import { z } from "zod";
import { TsmergeError } from "../base/errors.ts";
import { readJson } from "../base/json.ts";

export interface AdapterConfig {
  /** Matrices of linear layers are stored inputs first, as GPT-2's are. */
  readonly isFanInFanOut: boolean;
  /**
   * The factor on B·A of a module: α/r, or α/√r when rank-stabilised (Kalajdzievski 2023, arXiv:2312.03732).
   * @param module its full name, such as `model.layers.0.self_attn.q_proj`
   * @param rank rows of its A
   * @throws TsmergeError `incompatible` if the configuration gives another rank
   */
  scaleOf(module: string, rank: number): number;
}

const pattern = z.record(z.string(), z.number().positive()).nullish();

const schema = z.looseObject({
  peft_type: z.string(),
  r: z.int().positive(),
  lora_alpha: z.number(),
  rank_pattern: pattern,
  alpha_pattern: pattern,
  use_rslora: z.boolean().nullish(),
  fan_in_fan_out: z.boolean().nullish(),
  init_lora_weights: z.unknown().optional(),
});

/** Keys that, when set, make the adapter something else than W + s·B·A, and what that is. */
const REFUSED: Readonly<Record<string, string>> = {
  use_dora: "DoRA rescales columns by a learned magnitude",
  use_qalora: "QA-LoRA pools the inputs",
  lora_bias: "its matrices have biases",
  layer_replication: "it repeats the base's layers",
  target_parameters: "it changes parameters that are no module's weight, such as packed experts",
  trainable_token_indices: "it changes single rows of a table",
  alora_invocation_tokens: "it acts from certain tokens on only",
  megatron_config: "its matrices are split for Megatron",
};

/** Ways to initialise that subtract from the base's weights, so that the base on the hub is not the adapter's. */
const CHANGES_BASE = /^(pissa|olora|corda|loftq|lora_ga)/i;

/** Reads the configuration in an adapter's folder. Throws TsmergeError `incompatible` for what cannot be merged. */
export async function readAdapterConfig(folder: string): Promise<AdapterConfig> {
  const file = join(folder, "adapter_config.json");
  return parseAdapterConfig(await readJson(file), file);
}

/** @param where the file, for errors */
export function parseAdapterConfig(json: unknown, where: string): AdapterConfig {
  const refuse = (message: string, hint: string) =>
    new TsmergeError("incompatible", message, { where, hint });
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const fields = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
    throw refuse(
      `the adapter's configuration is malformed: ${fields.join("; ")}`,
      "download it again",
    );
  }
  const config = parsed.data;
  const merge = "merge it into its base with PEFT (merge_and_unload) and name that folder";
  if (config.peft_type !== "LORA") {
    throw refuse(`the adapter is of type ${config.peft_type}, not LORA`, merge);
  }
  for (const [key, reason] of Object.entries(REFUSED)) {
    if (isSet(config[key])) throw refuse(`${key} is set: ${reason}`, merge);
  }
  const initial = config.init_lora_weights;
  if (typeof initial === "string" && CHANGES_BASE.test(initial)) {
    throw refuse(`init_lora_weights is "${initial}", which changes the base's own weights`, merge);
  }
  const ranks = patternsOf(config.rank_pattern, refuse);
  const alphas = patternsOf(config.alpha_pattern, refuse);
  return {
    isFanInFanOut: config.fan_in_fan_out === true,
    scaleOf(module, rank) {
      const said = ranks(module) ?? config.r;
      if (said !== rank) {
        throw refuse(
          `${module} has rank ${rank}, and the configuration makes it ${said}`,
          "download the adapter again",
        );
      }
      const alpha = alphas(module) ?? config.lora_alpha;
      return alpha / (config.use_rslora === true ? Math.sqrt(rank) : rank);
    },
  };
}

function isSet(value: unknown): boolean {
  if (value === null || value === undefined || value === false) return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

/** PEFT's rule: the first key that is a regular expression for the module's name, or for its end after a dot. */
function patternsOf(
  patterns: Readonly<Record<string, number>> | null | undefined,
  refuse: (message: string, hint: string) => TsmergeError,
): (module: string) => number | undefined {
  const compiled = Object.entries(patterns ?? {}).map(([key, value]) => {
    try {
      return { expression: new RegExp(`^(?:.*\\.)?(?:${key})$`), value };
    } catch {
      throw refuse(`the pattern "${key}" is no regular expression`, "correct adapter_config.json");
    }
  });
  return (module) => compiled.find(({ expression }) => expression.test(module))?.value;
}
