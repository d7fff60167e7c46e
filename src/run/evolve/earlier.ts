// An earlier run as a start for a new one: its scored genomes, if both search the same genes. Its task, its
// models and its ranges may have been others; nothing of it is copied into the new run but where that begins.

import { TsmergeError } from "../../base/errors.ts";
import { canonicalJson } from "../../base/hash.ts";
import type { Gene } from "../../recipe/search/gene.ts";
import type { FlowGenome, Genome, SearchGenome } from "../../recipe/search/genome.ts";
import type { Told } from "../../search/strategy.ts";
import { openRecordedRun } from "./recorded.ts";

/**
 * Every settled candidate of a run's search; those that failed or that a race stopped with -Infinity.
 * @param name a run folder, or its name in `runs`
 * @throws TsmergeError `usage` where there is no run; `config` if it searched other genes, naming what differs
 */
export function earlierCandidates(name: string, genome: SearchGenome): Told[] {
  const { folder, lineage } = openRecordedRun(name);
  try {
    // written by this program; older versions may lack members
    const theirs = lineage.run()?.identity.genome as AnyGenome | undefined;
    const other = differing(genome, theirs ?? {});
    if (other.length > 0) {
      throw new TsmergeError(
        "config",
        `the run in ${folder} searched other genes: its ${other.join(", ")} ${other.length === 1 ? "differs" : "differ"}`,
        { hint: "start from a run whose genome is declared alike, or start afresh" },
      );
    }
    return lineage.candidates
      .list({ kind: "search" })
      .filter(({ status }) => status === "done" || status === "failed")
      .map(({ genome: genes, fitness = -Infinity, stoppedAfter }) => ({
        genome: genes!, // a search candidate has one
        fitness: stoppedAfter === undefined ? fitness : -Infinity,
      }));
  } finally {
    lineage.close();
  }
}

/** Either kind. */
type AnyGenome = Partial<Genome> & Partial<FlowGenome>;

/** Which parts of two genomes give them other genes. */
function differing(ours: AnyGenome, theirs: AnyGenome): string[] {
  const parts = { ours: partsOf(ours), theirs: partsOf(theirs) };
  return Object.keys(parts.ours).filter(
    (key) => canonicalJson(parts.ours[key]) !== canonicalJson(parts.theirs[key]),
  );
}

/** What decides how many genes there are and what each means, by the name a user knows it by. */
function partsOf(genome: AnyGenome): Record<string, unknown> {
  const {
    models,
    methods,
    layers,
    smooth,
    filters,
    subset,
    shares,
    flow,
    parameters = {},
  } = genome;
  const searched = Object.entries(parameters).filter(([, gene]) => typeof gene === "object");
  return {
    "number of models": models?.length ?? 0,
    merge_method: methods ?? [],
    "layer groups": layers ?? null,
    smooth: smooth ?? false,
    filters: filters ?? [],
    subset: subset !== undefined,
    data_flow: flow === undefined ? null : [flow.repeats, typeof flow.scale],
    weights: shares ?? false,
    parameters: Object.fromEntries(searched.map(([name, gene]) => [name, meaningOf(gene as Gene)])),
  };
}

function meaningOf(gene: Gene): unknown {
  return "choices" in gene ? gene.choices : (gene.scale ?? "linear");
}
