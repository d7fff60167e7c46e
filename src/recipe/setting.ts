// Looking a setting up: gradients over depth and filters over tensor names. Reading settings from YAML
// is read-setting.ts's part; who sets what first (source, slice, recipe) is compile.ts's.

import { matchesFilter } from "./filter.ts";
import {
  type Conditional,
  isConditional,
  type Parameters,
  type Setting,
  type Value,
} from "./recipe.ts";

/**
 * A value at depth t in [0, 1]: a number is itself, m numbers stand at t = 0, 1/(m−1), …, 1 with straight
 * lines between (mergekit's gradient: p = t(m−1), (1−f)·v[⌊p⌋] + f·v[⌊p⌋+1]).
 */
export function valueAt(value: Value, t: number): number {
  if (typeof value === "number") return value;
  const position = t * (value.length - 1);
  const low = Math.trunc(position);
  const high = Math.min(low + 1, value.length - 1);
  const fraction = position - low;
  return (1 - fraction) * value[low]! + fraction * value[high]!;
}

/** True when the entry is for every tensor. */
export function isCatchAll(entry: Conditional): boolean {
  return entry.filter === undefined || entry.filter === "*";
}

/**
 * The number a setting gives to one tensor, or undefined when none of its filters match.
 * @param t depth of the tensor's layer in its slice: i/(n−1), 1 in a slice of one layer, 0 outside the layers
 */
export function settingAt(setting: Setting, tensor: string, t: number): number | undefined {
  if (!isConditional(setting)) return valueAt(setting, t);
  const entry = setting.find((one) => isCatchAll(one) || matchesFilter(one.filter ?? "", tensor));
  return entry === undefined ? undefined : valueAt(entry.value, t);
}

/** Every number a setting can come to stand on, for range checks. */
export function numbersIn(setting: Setting): number[] {
  if (typeof setting === "number") return [setting];
  return setting.flatMap((entry) => (typeof entry === "number" ? [entry] : [entry.value].flat()));
}

/** Parameters with others below them, which hold where no filter of the upper ones matches. */
export function layered(upper: Parameters, lower: Parameters): Parameters {
  const both = Object.entries(upper).map(([name, setting]): [string, Setting] => {
    const below = lower[name];
    if (!isConditional(setting) || below === undefined) return [name, setting];
    return [name, [...setting, ...(isConditional(below) ? below : [{ value: below }])]];
  });
  return { ...lower, ...Object.fromEntries(both) };
}
