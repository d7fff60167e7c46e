// breadcrumbs: task vectors without their outliers and their smallest elements, then summed.

import type { MergeMethod } from "../method.ts";
import { taskVectorMethod } from "./task-vectors.ts";

export const breadcrumbs: MergeMethod = taskVectorMethod({
  name: "breadcrumbs",
  summary: "task vectors without their largest and smallest elements, summed",
  reference: "Davari & Belilovsky 2023, Model Breadcrumbs, arXiv 2312.06795",
  sparsify: "band",
  consensus: false,
  normalizeByDefault: false,
  published: {
    parameters: { weight: 1, density: 0.9, gamma: 0.01, lambda: 0.4, normalize: 0 },
    source: "mergekit's documentation; λ as task_arithmetic's",
  },
  rescaleByDefault: false,
});
