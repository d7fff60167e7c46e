// Identities: of a merge before it is computed (planHash), and of the weights it gave (weightsDigest),
// which does not depend on shards or file order. No file is read here.

import { createHash } from "node:crypto";
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

/** An output tensor with the SHA-256 of its bytes, lower-case hexadecimal. */
export type HashedTensor = OutputTensor & { readonly sha256: string };

/**
 * SHA-256 over merged weights, lower-case hexadecimal: for each tensor, in plan order, its name, type and shape
 * and the SHA-256 of its bytes. These are hashed on their own so that several threads can share the work.
 */
export function weightsDigest(tensors: Iterable<HashedTensor>): string {
  const hash = createHash("sha256");
  for (const { name, dtype, shape, sha256 } of tensors) {
    hash.update(`${canonicalJson([name, dtype, shape])}\n${sha256}\n`);
  }
  return hash.digest("hex");
}
