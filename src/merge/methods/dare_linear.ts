// dare_linear: task vectors thinned by chance and rescaled, then summed. The rescaling keeps the l1 norm (the paper divides by the density).

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
    parameters: { weight: 1, density: 0.1, lambda: 0.4, normalize: 0 },
    source: "Yu et al. 2024: 90 % dropped; λ as task_arithmetic's",
  },
  rescaleByDefault: true,
});
