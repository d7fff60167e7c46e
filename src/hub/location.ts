// Where a model's weights come from, as one string that fits into plans and keys: a folder, or a folder and
// that of a LoRA adapter merged into it as it is read. Written `/base + /adapter`.

import { isAbsolute } from "node:path";

export interface Location {
  /** The folder of config.json, weights and tokenizer. */
  readonly folder: string;
  readonly adapter?: string;
}

const SEPARATOR = " + ";

/** The string for a folder and an adapter's, both absolute. */
export function joinLocation(folder: string, adapter: string): string {
  return folder + SEPARATOR + adapter;
}

/** What {@link joinLocation} joined; a folder of its own where it joined nothing. */
export function splitLocation(location: string): Location {
  for (let at = location.indexOf(SEPARATOR); at >= 0; at = location.indexOf(SEPARATOR, at + 1)) {
    const adapter = location.slice(at + SEPARATOR.length);
    // only an absolute path can be the second: a folder may have a plus in its name
    if (isAbsolute(adapter)) return { folder: location.slice(0, at), adapter };
  }
  return { folder: location };
}
