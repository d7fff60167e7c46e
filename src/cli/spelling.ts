// Flags under their other names: lm-eval's snake_case, mergekit-evolve's and everyday synonyms. They are
// rewritten before commander sees them, so each option is declared once.

/** Other name → our name. Values pass through unchanged. */
const SYNONYMS: Readonly<Record<string, string>> = {
  "--tasks": "--task",
  "--random-seed": "--seed",
  "--max-fevals": "--max-evals",
  "--n-iterations": "--generations",
  "--storage-path": "--run-folder",
  "--task-search-path": "--include-path",
  "--force-population-size": "--population",
  "--sigma0": "--sigma",
  "--output-path": "--output",
};

/**
 * Command-line words with synonyms and snake_case flags rewritten. `--timeout SECONDS`, as mergekit-evolve
 * counts, becomes `--budget-minutes`. Words after a bare `--` and words that are no flags stay as they are.
 */
export function canonicalArguments(words: readonly string[]): string[] {
  const end = words.indexOf("--");
  const flags = end < 0 ? words : words.slice(0, end);
  const rest = end < 0 ? [] : words.slice(end);
  const canonical: string[] = [];
  let timeoutValueNext = false;
  for (const word of flags) {
    if (timeoutValueNext) {
      canonical.push(minutesOf(word));
      timeoutValueNext = false;
      continue;
    }
    if (!word.startsWith("--")) {
      canonical.push(word);
      continue;
    }
    const equals = word.indexOf("=");
    const name = (equals < 0 ? word : word.slice(0, equals)).replaceAll("_", "-");
    const value = equals < 0 ? undefined : word.slice(equals + 1);
    if (name === "--timeout") {
      canonical.push("--budget-minutes");
      if (value === undefined) timeoutValueNext = true;
      else canonical.push(minutesOf(value));
      continue;
    }
    const known = SYNONYMS[name] ?? name;
    canonical.push(value === undefined ? known : `${known}=${value}`);
  }
  return [...canonical, ...rest];
}

/** Seconds as minutes; text that is no number is left for the option's own check to refuse. */
function minutesOf(seconds: string): string {
  const number = Number(seconds);
  return seconds.trim() === "" || Number.isNaN(number) ? seconds : String(number / 60);
}
