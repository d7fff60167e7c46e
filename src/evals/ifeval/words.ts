// Words and sentences as IFEval counts them: NLTK's word patterns by their published rules, and sentences by
// Punkt's decisions with a list of usual abbreviations where NLTK has a trained one.

const WORD = /[\p{L}\p{N}_]+/gu;

/** Runs of letters, digits and underscores. */
export function countWords(text: string): number {
  return text.match(WORD)?.length ?? 0;
}

/** What a full stop after does not end: in lower case, without their last stop. */
const ABBREVIATIONS: ReadonlySet<string> = new Set(
  (
    "adm approx apt ave bros capt cmdr co col corp dept dr e.g est etc ft fig gen gov hon i.e inc jr lt ltd maj " +
    "messrs mr mrs ms mt no ph.d prof rep rev sen sgt sr st u.k u.n u.s u.s.a viz vol vs jan feb mar apr jun jul " +
    "aug sep sept oct nov dec a.m p.m"
  ).split(" "),
);

/** A sentence's possible end: its last word, the stops and closing marks, and what comes next. */
const ENDING = /(?<word>\S*?)(?<stop>[.?!]+)(?<closing>["')\]}»”’]*)(?<space>\s+)(?=(?<next>\S))/gu;

/** Sentences of a text, at least one where it is not blank. */
export function countSentences(text: string): number {
  const body = text.trim();
  if (body === "") return 0;
  let count = 1;
  for (const { groups } of body.matchAll(ENDING)) {
    const { word = "", stop = "", next = "" } = groups ?? {};
    if (endsSentence(word, stop, next)) count++;
  }
  return count;
}

/** Punkt's rules: ? and ! end; a stop does not after an initial, an ordinal number or an abbreviation. */
function endsSentence(word: string, stop: string, next: string): boolean {
  if (/[?!]/.test(stop)) return true;
  const startsLow = /\p{Ll}/u.test(next);
  if (stop.length > 1) return !startsLow; // an ellipsis
  const last = word.replace(/^["'([{«“‘]+/u, "");
  const isInitial = /^\p{Lu}$/u.test(last);
  const isAbbreviation = ABBREVIATIONS.has(last.toLowerCase()) || /^(?:\p{L}\.)+\p{L}$/u.test(last);
  return !isInitial && !isAbbreviation && !startsLow;
}

/** NLTK's word tokenizer (the Penn Treebank's rules), in order. */
const TREEBANK: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/([«“‘„]|[`]+)/gu, " $1 "],
  [/^"/g, "``"],
  [/(``)/g, " $1 "],
  [/([ ([{<])("|'{2})/g, "$1 `` "],
  [/([^.])(\.)([\])}>"'»”’ ]*)\s*$/gu, "$1 $2 $3 "],
  [/([:,])([^\d])/g, " $1 $2"],
  [/([:,])$/g, " $1 "],
  [/(\.{2,})/g, " $1 "],
  [/([;@#$%&])/g, " $1 "],
  [/([?!])/g, " $1 "],
  [/([^'])' /g, "$1 ' "],
  [/([*])/g, " $1 "],
  [/([\][(){}<>])/g, " $1 "],
  [/--/g, " -- "],
  [/([»”’])/gu, " $1 "],
  [/''/g, " '' "],
  [/"/g, " '' "],
  [/\s+/g, " "],
  [/([^' ])('[sS]|'[mM]|'[dD]|') /g, "$1 $2 "],
  [/([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) /g, "$1 $2 "],
  [/\b(can)(not)\b/gi, " $1 $2 "],
  [/\b(gim|lem)(me)\b/gi, " $1 $2 "],
  [/\b(gon|wan)(na)\b/gi, " $1 $2 "],
  [/\b(got)(ta)\b/gi, " $1 $2 "],
];

/** Words of a text, sentence marks and contractions apart. */
export function treebankWords(text: string): string[] {
  const padded = TREEBANK.reduce((left, [pattern, put]) => left.replace(pattern, put), ` ${text} `);
  return padded.split(/\s+/).filter((word) => word !== "");
}

/** At least one letter with a case, and none of another: `str.isupper()`. */
export function isUpper(text: string): boolean {
  return /\p{Uppercase}/u.test(text) && !/[\p{Lowercase}\p{Lt}]/u.test(text);
}

/** The same for `str.islower()`. */
export function isLower(text: string): boolean {
  return /\p{Lowercase}/u.test(text) && !/[\p{Uppercase}\p{Lt}]/u.test(text);
}
