// Identities: of a merge before it is computed (planHash), and of the weights it gave (WeightsDigest),
// which does not depend on shards or file order. No file is read here.

import { createHash } from "node:crypto";
import type { FloatType } from "../base/dtype.ts";
import { TsmergeError } from "../base/errors.ts";
import { canonicalJson, contentHash } from "../base/hash.ts";
import type { MergePlan, TensorPlan } from "./plan.ts";

/** Raised whenever equal plans come to mean other bytes. */
const PLAN_VERSION = 1;

/**
 * The content address of a merge: equal for equal plans over equal parents, wherever these lie on disk.
 * @param parentFingerprints a content hash for every folder in `plan.models`, and the donor's
 * @throws TsmergeError `internal` when one is missing
 */
export function planHash(plan: MergePlan, parentFingerprints: ReadonlyMap<string, string>): string {
  const fingerprint = (directory: string): string => {
    const found = parentFingerprints.get(directory);
    if (found !== undefined) return found;
    throw new TsmergeError("internal", `no fingerprint is known of ${directory}`, {
      hint: "fingerprint every model of a plan before it is hashed",
    });
  };
  return contentHash({
    ...plan,
    version: PLAN_VERSION,
    models: plan.models.map(fingerprint),
    donor: fingerprint(plan.donor),
  });
}

/** SHA-256 of merged weights: for each tensor, in plan order, its name, type and shape, then its bytes. */
export interface WeightsDigest {
  tensor(tensor: Pick<TensorPlan, "name" | "shape">, dtype: FloatType): void;
  bytes(data: Uint8Array): void;
  /** Lower-case hexadecimal; ends the digest. */
  end(): string;
}

export function weightsDigest(): WeightsDigest {
  const hash = createHash("sha256");
  return {
    tensor({ name, shape }, dtype) {
      hash.update(`${canonicalJson([name, dtype, shape])}\n`);
    },
    bytes: (data) => void hash.update(data),
    end: () => hash.digest("hex"),
  };
}
