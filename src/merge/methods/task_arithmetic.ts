// task_arithmetic: task vectors added to the base, weighted.

import type { MergeMethod } from "../method.ts";
import { taskVectorMethod } from "./task-vectors.ts";

export const taskArithmetic: MergeMethod = taskVectorMethod({
  name: "task_arithmetic",
  summary: "weighted sum of task vectors on the base",
  reference: "Ilharco et al. 2023, Editing models with task arithmetic, arXiv 2212.04089",
  sparsify: "none",
  consensus: false,
  normalizeByDefault: false,
  published: {
    parameters: { weight: 1, lambda: 0.4, normalize: 0 },
    source: "λ 0.4 where nothing is tuned: Yadav et al. 2023, after Ilharco et al. 2023",
  },
  rescaleByDefault: false,
});
