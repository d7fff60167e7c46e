// `npm run bench [name…]`: every benchmark, or those that are named. Ratios are against a yardstick of the
// same run; a quiet machine gives the figures that docs quote.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { printRows, type Row } from "./row.ts";

/** Where public evaluation data lies beside a developer's checkout. */
const DATA = join(import.meta.dirname, "../../shared/datasets");

const BENCHMARKS: Readonly<Record<string, () => Promise<Row[]>>> = {
  kernel: async () => (await import("./bench-kernel.ts")).benchKernel(),
  merge: async () => (await import("./bench-merge.ts")).benchMerge(),
  decoder: async () => (await import("./bench-decoder.ts")).benchDecoder(),
  generate: async () => (await import("./bench-generate.ts")).benchGenerate(),
  tokens: withData("tokens", async (data) => (await import("./count-tokens.ts")).countTokens(data)),
  eval: withData("eval", async (data) => (await import("./bench-eval.ts")).benchEval(data)),
  candidates: async () => (await import("./bench-candidates.ts")).benchCandidates(),
  search: async () => (await import("./bench-search.ts")).benchSearch(),
  startup: async () => (await import("./bench-startup.ts")).benchStartup(),
};

/** Nothing where the data is not. */
function withData(name: string, run: (data: string) => Promise<Row[]>): () => Promise<Row[]> {
  return async () => {
    if (existsSync(DATA)) return run(DATA);
    process.stderr.write(`${name}: skipped, no data at ${DATA}\n`);
    return [];
  };
}

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !(name in BENCHMARKS));
if (unknown !== undefined) {
  process.stderr.write(`no benchmark "${unknown}": ${Object.keys(BENCHMARKS).join(", ")}\n`);
  process.exitCode = 2;
} else {
  for (const [name, run] of Object.entries(BENCHMARKS)) {
    if (asked.length === 0 || asked.includes(name)) printRows(await run());
  }
}
