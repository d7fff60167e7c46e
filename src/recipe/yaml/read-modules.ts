// `modules:` read from YAML. Models here are one module, so the block's one entry is the whole model, and
// its keys are read as if they stood at the top.

import {
  complain,
  describe,
  type Entry,
  isNothing,
  membersOf,
  memberValue,
  note,
  rejectUnknown,
  type YamlFile,
} from "./yaml-file.ts";

const KEYS = ["models", "slices", "parameters"];

/** The members of the only module; undefined for a recipe without `modules:`. */
export function readModule(
  file: YamlFile,
  members: readonly Entry[],
): readonly Entry[] | undefined {
  const block = members.find(({ key }) => key === "modules");
  if (block === undefined || isNothing(block.value)) return undefined;
  for (const key of ["models", "slices"]) {
    if (memberValue(members, key) === undefined) continue;
    complain(file, block.keyNode, `modules and ${key} are both given`, "keep one of the two");
  }
  const modules = membersOf(file, block.value, "modules");
  const [only, ...others] = modules;
  if (only === undefined || others.length > 0) {
    const names = modules.map(({ key }) => key).join(", ");
    complain(
      file,
      block.keyNode,
      only === undefined
        ? `modules is ${describe(file, block.value)}`
        : `modules names ${names}, and a model is one module here`,
      "write models: or slices: at the top; parts are told apart with filters under parameters:",
    );
  } else if (only.key !== "default") {
    note(file, only.keyNode, `module ${only.key} is read as the whole model`);
  }
  const what = `module ${only?.key ?? ""}`;
  return rejectUnknown(file, membersOf(file, only?.value, what), KEYS, what);
}
