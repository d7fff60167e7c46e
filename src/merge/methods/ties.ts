// ties: task vectors trimmed to their largest elements, then summed where they agree in sign.

import type { MergeMethod } from "../method.ts";
import { taskVectorMethod } from "./task-vectors.ts";

export const ties: MergeMethod = taskVectorMethod({
  name: "ties",
  summary: "task vectors trimmed by magnitude, summed where signs agree",
  reference: "Yadav et al. 2023, TIES-Merging, arXiv 2306.01708",
  sparsify: "magnitude",
  consensus: true,
  normalizeByDefault: true,
  published: {
    parameters: { weight: 1, density: 0.2, lambda: 1, normalize: 1 },
    source: "Yadav et al. 2023, without a validation set: the top 20 %, λ 1",
  },
  rescaleByDefault: false,
});
