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
  rescaleByDefault: true,
});
