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
  rescaleByDefault: false,
});
