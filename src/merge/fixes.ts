// Where the default departs from mergekit because mergekit's way is a bug: what it changed in a merge, counted,
// with the sentence that tells it. What is changed stands in each method and in recipe/compile/compile.ts; compat
// changes nothing and so has nothing to tell.

const COMPAT = "--compat mergekit restores that";

const some = (tensors: number) => (tensors === 1 ? "1 tensor" : `${tensors} tensors`);

/** By fix: its sentence, given how many tensors it changed. */
const SENTENCES = {
  band: (n: number) =>
    `breadcrumbs kept the changes of ${some(n)} where mergekit drops all (gamma·n < 1); ${COMPAT}`,
  one: (n: number) =>
    `ties kept the largest change of ${some(n)} where density·n < 1 and mergekit fails`,
  epsilon: (n: number) =>
    `della narrowed epsilon for ${some(n)}: mergekit fails where density ± epsilon leaves 0 to 1`,
  uniform: (n: number) =>
    `sce weighed the models of ${some(n)} by their changes, which are so small that mergekit weighs all alike; ${COMPAT}`,
  apart: (n: number) =>
    `model_stock kept the base in ${some(n)}, wholly or by rows, where the models point apart and mergekit extrapolates; ${COMPAT}`,
  sample: (n: number) =>
    `arcee_fusion took exact quantiles of ${some(n)}, of which mergekit takes those of a random sample; ${COMPAT}`,
  type: (n: number) =>
    `${some(n)} kept the models' type where mergekit writes float32; ${COMPAT}, and out_dtype chooses it`,
  depth: (n: number) =>
    `${some(n)} after the layers took the last number of gradients, mergekit takes the first; ${COMPAT}`,
  donor: () =>
    "configuration and tokenizer are the first model's, where mergekit takes those of an arbitrary one; base_model chooses it",
  vocabulary: () =>
    `config.json's vocab_size is the embeddings' rows, which it was not in the model that it comes from; ${COMPAT}`,
  unread: (n: number) =>
    `${some(n)} that tied models store and never read ${n === 1 ? "is" : "are"} left out; ${COMPAT}`,
  tied: (n: number) =>
    `tied embeddings took part in ${some(n)} as the head that they are; mergekit leaves such models out; ${COMPAT}`,
} as const;

export type FixName = keyof typeof SENTENCES;

/** In the order in which they are told. */
export const FIX_NAMES = Object.keys(SENTENCES) as FixName[]; // the table's own keys

/** What one fix changed in a merge. */
export interface Fix {
  readonly name: FixName;
  readonly tensors: number;
}

/** Counts fixes by name, in the order of FIX_NAMES: `names` holds one entry a tensor and fix. */
export function countFixes(names: Iterable<FixName>): Fix[] {
  const counts = new Map<FixName, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return FIX_NAMES.flatMap((name) => {
    const tensors = counts.get(name);
    return tensors === undefined ? [] : [{ name, tensors }];
  });
}

/** What a fix changed, as users are told. */
export const fixSentence = ({ name, tensors }: Fix): string => SENTENCES[name](tensors);
