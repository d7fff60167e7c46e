// Which files of a model's repository are the model: configuration, tokenizer, and its weights once. Copies in
// other formats, in folders below and of training are left where they are.

/** Configuration, tokenizers, templates and vocabularies, at the top. */
const SMALL = /^(?:[^/]+\.(?:json|jinja|model|tiktoken|txt)|tokenizer[^/]*)$/;
const SAFETENSORS = /^[^/]+\.safetensors$/;
const PICKLED = /^(?:pytorch_model|adapter_model)[^/]*\.bin$/;
/** Mistral's second copy of the weights, under names that only its own library reads. */
const SECOND_COPY = /^consolidated/;

/** The files to have, of all paths of a repository: small ones first, so that much is known before weights come. */
export function modelFiles(paths: Iterable<string>): string[] {
  const all = [...paths];
  const weights = weightFiles(all);
  const isPickled = weights.some((path) => PICKLED.test(path));
  const otherIndex = isPickled ? /safetensors\.index\.json$/ : /\.bin\.index\.json$/;
  return [...all.filter((path) => SMALL.test(path) && !otherIndex.test(path)), ...weights];
}

/** `model-00001-of-00004.safetensors`: the series, and how many are promised. */
const SHARD = /^(.*)-\d+-of-(\d+)\./;

/** Whether the weights are all there, as far as their names tell: every shard of each series. */
export function hasWholeWeights(paths: Iterable<string>): boolean {
  const weights = weightFiles([...paths]);
  const missing = new Map<string, number>();
  for (const path of weights) {
    const [, series = path, promised = "1"] = SHARD.exec(path) ?? [];
    missing.set(series, (missing.get(series) ?? Number(promised)) - 1);
  }
  return weights.length > 0 && [...missing.values()].every((count) => count <= 0);
}

/** Safetensors, or pickled weights where there are none. */
function weightFiles(paths: readonly string[]): string[] {
  const safetensors = paths.filter((path) => SAFETENSORS.test(path));
  const named = safetensors.filter((path) => !SECOND_COPY.test(path));
  if (named.length > 0) return named;
  return safetensors.length > 0 ? safetensors : paths.filter((path) => PICKLED.test(path));
}
