// Rotary position parameters: transformers 4 writes rope_theta and rope_scaling, 5 writes rope_parameters.
// Only the parameters; the decoder turns them into angles.

import { z } from "zod";
import type { Reject } from "./config.ts";

/**
 * Pair i of a head rotates by position·θ^(−2i/headDim) (Su et al. 2021, eq. 15); `linear` divides that by
 * `factor` (Chen et al. 2023), `llama3` divides low frequencies only and blends between the two bounds,
 * which are wavelengths originalMaxPositions/lowFreqFactor and originalMaxPositions/highFreqFactor.
 */
export type Rope =
  | { readonly type: "default"; readonly theta: number }
  | { readonly type: "linear"; readonly theta: number; readonly factor: number }
  | {
      readonly type: "llama3";
      readonly theta: number;
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      readonly originalMaxPositions: number;
    };

const DEFAULT_THETA = 10000; // of every supported configuration class

const positive = z.number().positive();

const parameters = z.looseObject({
  rope_type: z.string().optional(),
  type: z.string().optional(), // before transformers 4.43
  rope_theta: positive.optional(),
  factor: positive.optional(),
  low_freq_factor: positive.optional(),
  high_freq_factor: positive.optional(),
  original_max_position_embeddings: positive.optional(),
  partial_rotary_factor: positive.optional(),
});

/** The members of config.json that {@link ropeOf} reads. */
export const ropeSchema = {
  rope_theta: positive.optional(),
  rope_scaling: parameters.nullish(),
  rope_parameters: parameters.nullish(),
  partial_rotary_factor: positive.nullish(),
};

type RawRope = z.infer<z.ZodObject<typeof ropeSchema>>;

/** The rotation a configuration asks for; `reject` throws for a kind that the decoder does not have. */
export function ropeOf(raw: RawRope, reject: Reject): Rope {
  const block = raw.rope_parameters ?? raw.rope_scaling ?? {};
  const key = raw.rope_parameters ? "rope_parameters" : "rope_scaling";
  if (raw.rope_theta !== undefined && (block.rope_theta ?? raw.rope_theta) !== raw.rope_theta) {
    reject("rope_theta", raw.rope_theta, `${key}.rope_theta says ${block.rope_theta}`);
  }
  const theta = block.rope_theta ?? raw.rope_theta ?? DEFAULT_THETA;
  const partial = block.partial_rotary_factor ?? raw.partial_rotary_factor ?? 1;
  if (partial !== 1) reject("partial_rotary_factor", partial, "only whole heads are rotated");
  if ("full_attention" in block || "sliding_attention" in block) {
    reject(key, block, "one rotation must serve all layers");
  }
  const required = (name: keyof typeof block & string): number => {
    const value = block[name];
    return typeof value === "number" ? value : reject(`${key}.${name}`, value ?? null, "is needed");
  };
  const type = block.rope_type ?? block.type ?? "default";
  switch (type) {
    case "default":
      return { type, theta };
    case "linear":
      return { type, theta, factor: required("factor") };
    case "llama3":
      return {
        type,
        theta,
        factor: required("factor"),
        lowFreqFactor: required("low_freq_factor"),
        highFreqFactor: required("high_freq_factor"),
        originalMaxPositions: required("original_max_position_embeddings"),
      };
    default:
      return reject(`${key}.rope_type`, type, 'can be "default", "linear" or "llama3"');
  }
}
