// Output tensors of types that are not merged: when such a tensor is copied as it is stored, and when it is
// refused. What the models' bytes are is looked at later (merge/files/copies.ts).

import { type FloatType, isFloatType } from "../../base/dtype.ts";
import { TsmergeError } from "../../base/errors.ts";
import type { CopiedTensor } from "../../merge/plan.ts";
import type { Fitted } from "./shapes.ts";

const CONVERT = "take that model in float32, float16 or bfloat16";

/** Whether every input is of a type that is merged. */
export function isMergeable(fitted: Fitted): fitted is Fitted<FloatType> {
  return fitted.inputs.every(({ dtype }) => isFloatType(dtype));
}

/**
 * The copy that an output tensor is.
 * @param scale what the recipe multiplies it by; 1 for methods that do not
 * @throws TsmergeError `incompatible` where its inputs have several types, or its bytes would have to change
 */
export function copiedTensor(
  name: string,
  { inputs, shape }: Fitted,
  scale: number,
  locations: readonly string[],
): CopiedTensor {
  const odd = inputs.find(({ dtype }) => !isFloatType(dtype))!; // asked for such tensors only
  const { reference, directory } = odd.model;
  const stored = `tensor ${odd.storedName} of ${reference} is ${odd.dtype}`;
  const refuse = (message: string, hint: string) =>
    new TsmergeError("incompatible", message, { where: directory, hint });
  const other = inputs.find(({ dtype }) => dtype !== odd.dtype);
  if (other !== undefined) {
    throw refuse(`${stored}, and that of ${other.model.reference} is ${other.dtype}`, CONVERT);
  }
  const change =
    scale !== 1
      ? `multiplied by ${scale}`
      : odd.model.tensors.get(odd.storedName)?.shape.join() !== shape.join()
        ? "given other rows"
        : inputs.some(({ model, storedName }) => model.views?.has(storedName))
          ? "given another layout of experts"
          : undefined;
  if (change !== undefined) throw refuse(`${stored}, which cannot be ${change}`, CONVERT);
  const sources = inputs.map(({ model, storedName }) => {
    return { model: locations.indexOf(model.location), name: storedName };
  });
  const isRepeated = (one: (typeof sources)[number], index: number) =>
    sources.findIndex(({ model, name: its }) => model === one.model && its === one.name) < index;
  return {
    ...{ name, shape, dtype: odd.dtype },
    sources: sources.filter((one, index) => !isRepeated(one, index)),
  };
}
