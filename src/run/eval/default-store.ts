// Where answers are kept unless the user says: tsmerge's folder in the user's cache.

import { homedir } from "node:os";
import { join } from "node:path";
import { type Environment, expandHome } from "../../hub/cache.ts";

/** `$XDG_CACHE_HOME/tsmerge/answers.db`, or the same under `~/.cache`. */
export function defaultStore(environment: Environment): string {
  const home = environment.HOME || homedir();
  const cache = environment.XDG_CACHE_HOME || join(home, ".cache"); // empty means unset
  return join(expandHome(cache, environment), "tsmerge", "answers.db");
}
