// Identities: of a merge before it is computed (planHash), and of the weights it gave (WeightsDigest),
// which does not depend on shards or file order. No file is read here.

import { createHash, type Hash } from "node:crypto";
import type { DType } from "../base/dtype.ts";
import { TsmergeError } from "../base/errors.ts";
import { canonicalJson, contentHash } from "../base/hash.ts";
import type { MergePlan, OutputTensor } from "./plan.ts";

/** Raised whenever equal plans come to mean other bytes. */
export const PLAN_VERSION = 2;

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
    tokenizer: plan.tokenizer === undefined ? undefined : "an adapter's", // one of the models
  });
}

/**
 * SHA-256 over merged weights: for each tensor, in plan order, its name, type and shape and the SHA-256 of
 * its bytes. A tensor's bytes are hashed on their own so that several threads can share the work.
 */
export interface WeightsDigest {
  tensor(tensor: Pick<OutputTensor, "name" | "shape">, dtype: DType): void;
  bytes(data: Uint8Array): void;
  /** Instead of its bytes: the lower-case hexadecimal SHA-256 that they have. */
  hashed(sha256: string): void;
  /** Lower-case hexadecimal; ends the digest. */
  end(): string;
}

export function weightsDigest(): WeightsDigest {
  const hash = createHash("sha256");
  let current: Hash | undefined;
  const close = () => {
    if (current !== undefined) hash.update(`${current.digest("hex")}\n`);
    current = undefined;
  };
  return {
    tensor({ name, shape }, dtype) {
      close();
      hash.update(`${canonicalJson([name, dtype, shape])}\n`);
      current = createHash("sha256");
    },
    bytes: (data) => void current?.update(data),
    hashed(sha256) {
      current = undefined;
      hash.update(`${sha256}\n`);
    },
    end() {
      close();
      return hash.digest("hex");
    },
  };
}
