// Every merge method by name. A new method is one file and one line here.

import { TsmergeError } from "../../base/errors.ts";
import { didYouMean } from "../../base/suggest.ts";
import type { MergeMethod } from "../method.ts";
import { arceeFusion } from "./arcee_fusion.ts";
import { breadcrumbs } from "./breadcrumbs.ts";
import { breadcrumbsTies } from "./breadcrumbs_ties.ts";
import { dareLinear } from "./dare_linear.ts";
import { dareTies } from "./dare_ties.ts";
import { della } from "./della.ts";
import { dellaLinear } from "./della_linear.ts";
import { karcher } from "./karcher.ts";
import { linear } from "./linear.ts";
import { modelStock } from "./model_stock.ts";
import { multislerp } from "./multislerp.ts";
import { nearswap } from "./nearswap.ts";
import { nuslerp } from "./nuslerp.ts";
import { passthrough } from "./passthrough.ts";
import { ram } from "./ram.ts";
import { ramplusTl } from "./ramplus_tl.ts";
import { sce } from "./sce.ts";
import { slerp } from "./slerp.ts";
import { taskArithmetic } from "./task_arithmetic.ts";
import { ties } from "./ties.ts";

export const MERGE_METHODS: readonly MergeMethod[] = [
  linear,
  slerp,
  nuslerp,
  multislerp,
  karcher,
  taskArithmetic,
  ties,
  dareLinear,
  dareTies,
  della,
  dellaLinear,
  breadcrumbs,
  breadcrumbsTies,
  sce,
  modelStock,
  arceeFusion,
  nearswap,
  ram,
  ramplusTl,
  passthrough,
];

const BY_NAME = new Map(MERGE_METHODS.map((method) => [method.name, method]));

/** The method `merge_method:` names. Throws TsmergeError `config` for an unknown name, with the nearest known one. */
export function methodNamed(name: string): MergeMethod {
  const method = BY_NAME.get(name);
  if (method !== undefined) return method;
  const names = [...BY_NAME.keys()];
  throw new TsmergeError("config", `unknown merge method "${name}"${didYouMean(name, names)}`, {
    hint: `methods: ${names.join(", ")}`,
  });
}
