// Whether a checkpoint is the model its configuration describes: every weight there, in the right shape, in
// a type that can be merged, and nothing that would be dropped without a word. Looks at headers only.

import { isFloatType } from "../../base/dtype.ts";
import { TsmergeError } from "../../base/errors.ts";
import type { TensorInfo } from "../../checkpoint/checkpoint.ts";
import type { ModelConfig } from "../config.ts";
import { ignoredNames, isRead, shapeOf, tensorNames } from "./architecture.ts";

/** Problems shown in one message; the rest are counted. */
const MAX_SHOWN = 3;

/**
 * @param where the model's folder, for the error
 * @throws TsmergeError `incompatible` with what is missing, misshapen, unmergeable or foreign
 */
export function checkTensors(
  config: ModelConfig,
  tensors: ReadonlyMap<string, TensorInfo>,
  where: string,
): void {
  const problems: string[] = [];
  const foreign = new Set(tensors.keys());
  for (const expected of tensorNames(config.architecture, config.layers)) {
    const found = tensors.get(expected.name);
    foreign.delete(expected.name);
    if (found === undefined) {
      const isNeeded = isRead(expected, config) || !expected.optional;
      if (isNeeded) problems.push(`${expected.name} is missing`);
      continue;
    }
    const shape = shapeOf(expected.shape, config);
    if (found.shape.join() !== shape.join()) {
      problems.push(`${expected.name} is [${found.shape}], and config.json makes it [${shape}]`);
    }
    if (!isFloatType(found.dtype)) problems.push(`${expected.name} is ${found.dtype}`);
  }
  for (const name of ignoredNames(config.architecture, config.layers)) foreign.delete(name);
  for (const name of foreign) problems.push(`${name} is no weight of ${config.architecture.name}`);
  if (problems.length === 0) return;
  const rest = problems.length - MAX_SHOWN;
  const shown = problems.slice(0, MAX_SHOWN).join("; ");
  throw new TsmergeError("incompatible", rest > 0 ? `${shown}; and ${rest} more` : shown, {
    where,
    hint: "weights and config.json come from different models, or the download is incomplete",
  });
}
