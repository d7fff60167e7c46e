// What a tokenizer.json may contain that @huggingface/tokenizers accepts but would run differently from the
// Rust library it was written for. Components that it does not know at all it refuses by itself.

import { memberOf } from "../base/json.ts";

/** Split behaviours that the library treats as another one (its README, "Regex compatibility"). */
const BEHAVIOURS = ["MergedWithPrevious", "MergedWithNext", "Contiguous"];

/** Human-readable parts that cannot be reproduced, empty when there are none. */
export function unsupportedParts(json: unknown): string[] {
  const problems = new Set<string>();
  if (memberOf(memberOf(json, "model"), "dropout")) problems.add("BPE dropout");
  for (const section of ["normalizer", "pre_tokenizer", "post_processor", "decoder"]) {
    for (const part of componentsOf(memberOf(json, section))) {
      const kind = `${section} ${memberOf(part, "type")}`;
      const behaviour = memberOf(part, "behavior");
      if (typeof behaviour === "string" && BEHAVIOURS.includes(behaviour)) {
        problems.add(`a ${kind} with behavior ${behaviour}`);
      }
      const pattern = memberOf(part, "pattern");
      const regex = memberOf(pattern, "Regex");
      if (typeof regex === "string" && /(?<!\\)(?:\\\\)*\\G/.test(regex)) {
        problems.add(`a ${kind} with \\G in its pattern`);
      }
      if (
        pattern !== undefined &&
        regex === undefined &&
        memberOf(pattern, "String") === undefined
      ) {
        problems.add(`a ${kind} whose pattern is neither Regex nor String`);
      }
    }
  }
  return [...problems];
}

/** A component and the members of its sequences, at any depth. */
function componentsOf(component: unknown): unknown[] {
  if (component === undefined || component === null) return [];
  const members = ["normalizers", "pretokenizers", "processors", "decoders"].flatMap((key) => {
    const list = memberOf(component, key);
    return Array.isArray(list) ? list : [];
  });
  return [component, ...members.flatMap(componentsOf)];
}
