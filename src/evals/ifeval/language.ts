// Which language a text is in, by trigrams, among those that IFEval's own detector knows. Two detectors disagree on
// short and mixed texts, so these verdicts are near the original's and not bound to equal them.

import { franc } from "franc";

/** ISO 639-3 as franc says it to the codes of IFEval's instructions (langdetect's, mostly ISO 639-1). */
const CODES: Readonly<Record<string, string>> = {
  afr: "af",
  arb: "ar",
  bul: "bg",
  ben: "bn",
  cat: "ca",
  ces: "cs",
  dan: "da",
  deu: "de",
  ell: "el",
  eng: "en",
  spa: "es",
  est: "et",
  pes: "fa",
  fin: "fi",
  fra: "fr",
  guj: "gu",
  heb: "he",
  hin: "hi",
  hrv: "hr",
  hun: "hu",
  ind: "id",
  ita: "it",
  jpn: "ja",
  kan: "kn",
  kor: "ko",
  lit: "lt",
  lav: "lv",
  mkd: "mk",
  mal: "ml",
  mar: "mr",
  npi: "ne",
  nld: "nl",
  nob: "no",
  pan: "pa",
  pol: "pl",
  por: "pt",
  ron: "ro",
  rus: "ru",
  slk: "sk",
  slv: "sl",
  som: "so",
  als: "sq",
  swe: "sv",
  swh: "sw",
  tam: "ta",
  tel: "te",
  tha: "th",
  tgl: "tl",
  tur: "tr",
  ukr: "uk",
  urd: "ur",
  vie: "vi",
  cmn: "zh-cn",
};

/** Letters, which are what a language is told by. */
const LETTER = /\p{L}/u;

/**
 * The code of a text's language, such as `en`; undefined for a text without letters.
 * Texts of few letters are taken for the likeliest language.
 */
export function languageOf(text: string): string | undefined {
  if (!LETTER.test(text)) return undefined;
  return CODES[franc(text, { only: Object.keys(CODES), minLength: 1 })];
}
