// breadcrumbs_ties: task vectors without their outliers and their smallest elements, then summed where they agree
// in sign.

import type { MergeMethod } from "../method.ts";
import { taskVectorMethod } from "./task-vectors.ts";

export const breadcrumbsTies: MergeMethod = taskVectorMethod({
  name: "breadcrumbs_ties",
  summary: "task vectors without their largest and smallest elements, summed where signs agree",
  reference: "Davari & Belilovsky 2023, Model Breadcrumbs, arXiv 2312.06795",
  sparsify: "band",
  consensus: true,
  normalizeByDefault: false,
  published: {
    parameters: { weight: 1, density: 0.15, gamma: 0.006, lambda: 1, normalize: 1 },
    source: "shares as breadcrumbs', λ as ties'",
  },
  rescaleByDefault: false,
});
