// della: task vectors thinned by chance, large elements of each row more likely kept, then summed where they agree
// in sign. The rescaling keeps the l1 norm (the paper divides each element by its probability).

import type { MergeMethod } from "../method.ts";
import { taskVectorMethod } from "./task-vectors.ts";

export const della: MergeMethod = taskVectorMethod({
  name: "della",
  summary: "task vectors thinned by chance that favours large elements, summed where signs agree",
  reference: "Deep et al. 2024, DELLA-Merging, arXiv 2406.11617",
  sparsify: "rank",
  consensus: true,
  normalizeByDefault: true,
  published: {
    // the authors' window of .14 is ε to either side
    parameters: { weight: 1, density: 0.7, epsilon: 0.07, lambda: 1.1, normalize: 1 },
    source: "the authors' example (README of declare-lab/della): 30 % dropped, window 0.14, λ 1.1",
  },
  rescaleByDefault: true,
});
