// Special tokens as tokenizer_config.json writes them: a text, or an object with flags and the text as `content`.

import { z } from "zod";
import { memberOf } from "../base/json.ts";

export const specialToken = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();

/** The text of a special token; undefined for what is none. */
export function specialText(token: unknown): string | undefined {
  const text = typeof token === "string" ? token : memberOf(token, "content");
  return typeof text === "string" ? text : undefined;
}
