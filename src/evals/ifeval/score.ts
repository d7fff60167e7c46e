// A response against its instructions: strictly as it stands, and loosely, where the best of eight ways to strip
// its first line, its last line and its asterisks counts.

import { strip } from "../python/text.ts";
import { type Arguments, verifierOf } from "./instructions.ts";

export interface Instruction {
  readonly id: string;
  readonly arguments: Arguments;
}

/** The instructions of one row of the data. @throws TsmergeError `data` for one that is not known */
export function instructionsOf(row: Readonly<Record<string, unknown>>): Instruction[] {
  const ids = row.instruction_id_list as readonly string[]; // a list in every release
  const kwargs = row.kwargs as readonly Arguments[];
  return ids.map((id, index) => {
    verifierOf(id);
    return { id, arguments: kwargs[index] ?? {} };
  });
}

/** Which instructions a response follows, [instructions]. A blank response follows none. */
export interface Followed {
  readonly strict: readonly boolean[];
  readonly loose: readonly boolean[];
}

export function followed(response: string, instructions: readonly Instruction[]): Followed {
  const lines = response.split("\n");
  const [first, last] = [lines.slice(1), lines.slice(0, -1)];
  const cut = [first, last, lines.slice(1, -1)].map((rest) => strip(rest.join("\n")));
  const variants = [response, ...cut].flatMap((text) => [text, text.replaceAll("*", "")]);
  const follows = (text: string, { id, arguments: args }: Instruction): boolean =>
    strip(text) !== "" && verifierOf(id)(text, args);
  return {
    strict: instructions.map((instruction) => follows(response, instruction)),
    loose: instructions.map((instruction) => variants.some((text) => follows(text, instruction))),
  };
}
