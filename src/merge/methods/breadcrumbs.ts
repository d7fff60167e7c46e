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
    // its middle_keep keeps the largest 15 % of what is left after the largest 0.6 %
    parameters: { weight: 1, density: 0.15, gamma: 0.006, lambda: 0.2, normalize: 0 },
    source: "where the authors' own tuning starts (find_best_hyperparam.py of rezazzr/breadcrumbs)",
  },
  rescaleByDefault: false,
});
