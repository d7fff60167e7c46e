// The strategies by name. Adding one is a file and a line here.

import { TsmergeError } from "../../base/errors.ts";
import { didYouMean } from "../../base/suggest.ts";
import { withCategories } from "../mixed.ts";
import type { Strategy } from "../strategy.ts";
import { auto } from "./auto.ts";
import { cmaes } from "./cmaes.ts";
import { de } from "./de.ts";
import { ga } from "./ga.ts";
import { greedySoup } from "./greedy-soup.ts";
import { lraCmaes } from "./lra-cmaes.ts";
import { nsga2 } from "./nsga2.ts";
import { random } from "./random.ts";
import { cmaesBipop, cmaesIpop } from "./restarts.ts";
import { sepCmaes } from "./sep-cmaes.ts";
import { sobol } from "./sobol.ts";

/** In the order help texts list them; the first is the default. */
export const STRATEGIES: readonly Strategy[] = [
  auto,
  withCategories(cmaes),
  withCategories(lraCmaes),
  withCategories(sepCmaes),
  cmaesIpop,
  cmaesBipop,
  ga,
  nsga2,
  de,
  greedySoup,
  sobol,
  random,
];

/** @throws TsmergeError `usage` for a name that is not in the registry */
export function strategyNamed(name: string): Strategy {
  const found = STRATEGIES.find((strategy) => strategy.name === name);
  if (found !== undefined) return found;
  const names = STRATEGIES.map((strategy) => strategy.name);
  const whole = names.find((one) => one.endsWith(`-${name}`)); // ipop is known by that name alone
  throw new TsmergeError(
    "usage",
    `there is no search strategy "${name}"${didYouMean(whole ?? name, names)}`,
    { hint: `choose one of ${names.join(", ")}` },
  );
}
