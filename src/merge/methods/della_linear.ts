// della_linear: task vectors thinned by chance, large elements of each row more likely kept, then summed. The
// rescaling keeps the l1 norm (the paper divides each element by its probability).

import type { MergeMethod } from "../method.ts";
import { taskVectorMethod } from "./task-vectors.ts";

export const dellaLinear: MergeMethod = taskVectorMethod({
  name: "della_linear",
  summary: "task vectors thinned by chance that favours large elements, summed",
  reference: "Deep et al. 2024, DELLA-Merging, arXiv 2406.11617",
  sparsify: "rank",
  consensus: false,
  normalizeByDefault: false,
  rescaleByDefault: true,
});
