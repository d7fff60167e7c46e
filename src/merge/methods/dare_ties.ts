// dare_ties: task vectors thinned by chance and rescaled, then summed where they agree in sign.

import type { MergeMethod } from "../method.ts";
import { taskVectorMethod } from "./task-vectors.ts";

export const dareTies: MergeMethod = taskVectorMethod({
  name: "dare_ties",
  summary: "task vectors thinned by chance, summed where signs agree",
  reference: "Yu et al. 2024, Language models are Super Mario (DARE), arXiv 2311.03099",
  sparsify: "random",
  consensus: true,
  normalizeByDefault: false,
  published: {
    parameters: { weight: 1, density: 0.8, lambda: 1, normalize: 1 },
    source: "20 % dropped as in dare_linear, λ as ties'",
  },
  rescaleByDefault: true,
});
