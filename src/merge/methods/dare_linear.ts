// dare_linear: task vectors thinned by chance and rescaled, then summed. The rescaling keeps the l1 norm (the
// paper divides by the density).

import type { MergeMethod } from "../method.ts";
import { taskVectorMethod } from "./task-vectors.ts";

export const dareLinear: MergeMethod = taskVectorMethod({
  name: "dare_linear",
  summary: "task vectors thinned by chance, summed",
  reference: "Yu et al. 2024, Language models are Super Mario (DARE), arXiv 2311.03099",
  sparsify: "random",
  consensus: false,
  normalizeByDefault: false,
  published: {
    // the paper's 90 % is what one model can lose, not what its merges of large models drop
    parameters: { weight: 1, density: 0.8, lambda: 1, normalize: 1 },
    source:
      "the authors' example of a merge of 13B models (README of yule-BUAA/MergeLM): 20 % dropped, averaged",
  },
  rescaleByDefault: true,
});
