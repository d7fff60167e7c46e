// IFEval's verifiers on responses made by hand, one that follows and one that does not at least; where the words
// before them say so, checked against lm-evaluation-harness 0.4.13's own on 5,951 texts once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { VERIFIERS } from "../../src/evals/ifeval/instructions.ts";
import { languageOf } from "../../src/evals/ifeval/language.ts";
import { followed } from "../../src/evals/ifeval/score.ts";
import { countSentences, treebankWords } from "../../src/evals/ifeval/words.ts";
import { estimate, keyOf, scoreItem } from "../../src/evals/metrics.ts";
import { loadTasks } from "../../src/evals/tasks/tasks.ts";
import { DATA_DIR, skipWithoutShared } from "./shared.ts";

interface Case {
  readonly args?: Readonly<Record<string, unknown>>;
  readonly follows: readonly string[];
  readonly fails: readonly string[];
}

const CASES: Readonly<Record<string, Case>> = {
  "change_case:capital_word_frequency": {
    args: { capital_relation: "at least", capital_frequency: 3 },
    follows: ["NASA and ESA and JAXA", "I DON'T"], // DO, N'T and I
    fails: ["NASA and Esa", "no capitals"],
  },
  "change_case:english_capital": {
    follows: ["THIS IS A PLAIN SENTENCE OF ENGLISH WORDS."],
    fails: [
      "THIS IS a PLAIN SENTENCE OF ENGLISH WORDS.",
      "DAS IST EIN GANZ NORMALER DEUTSCHER SATZ ÜBER NICHTS.",
    ],
  },
  "change_case:english_lowercase": {
    follows: ["this is a plain sentence of english words."],
    fails: ["This is a plain sentence of English words.", "1234"],
  },
  "combination:repeat_prompt": {
    args: { prompt_to_repeat: "Say it again. " },
    follows: [" say it AGAIN. And then more."],
    fails: ["Well: say it again."],
  },
  "combination:two_responses": {
    follows: ["one******two", "******one ****** two******"],
    fails: ["one", "one******one", "one************two", "one******two******three"],
  },
  "detectable_content:number_placeholders": {
    args: { num_placeholders: 2 },
    follows: ["[name] lives in [town]"],
    fails: ["[name]", "[one\nof two lines] and [name]"],
  },
  "detectable_content:postscript": {
    args: { postscript_marker: "P.S." },
    follows: ["Bye.\n\nP.S. I forgot", "p. s. so"],
    fails: ["Bye.", "PS I forgot"],
  },
  "detectable_format:constrained_response": {
    follows: ["Well. My answer is maybe."],
    fails: ["My answer is perhaps.", "my answer is yes."],
  },
  "detectable_format:json_format": {
    follows: ['```json\n{"a": [1, NaN]}\n```', "[]", " 12 "],
    fails: ["{a: 1}", "Here it is: {}", '```json\n{"a": 1,}\n```'],
  },
  "detectable_format:multiple_sections": {
    args: { section_spliter: "SECTION ", num_sections: 2 },
    follows: ["SECTION 1\nfirst\nSECTION 2\nsecond"],
    fails: ["SECTION 1\nfirst", "Section 1\nSection 2"],
  },
  "detectable_format:number_bullet_lists": {
    args: { num_bullets: 2 },
    follows: ["* one\n* two", "text\n  - one\n* two"],
    fails: ["* one", "- one\n- two\n- three", "** bold\n* one"],
  },
  "detectable_format:number_highlighted_sections": {
    args: { num_highlights: 2 },
    follows: ["*one* and *two*", "*one* **two**"],
    fails: ["*one* and * *", "one"],
  },
  "detectable_format:title": { follows: ["<<A song>>\nla"], fails: ["<A song>", "<< >>"] },
  "keywords:existence": {
    args: { keywords: ["sun", "moon"] },
    follows: ["The SUN and moonlight"],
    fails: ["The sun"],
  },
  "keywords:forbidden_words": {
    args: { forbidden_words: ["rock"] },
    follows: ["rocket science"],
    fails: ["We will Rock you."],
  },
  "keywords:frequency": {
    args: { keyword: " story ", frequency: 2, relation: "at least" },
    follows: ["Story after history."],
    fails: ["A story."],
  },
  "keywords:letter_frequency": {
    args: { letter: "#", let_frequency: 2, let_relation: "less than" },
    follows: ["one #tag"],
    fails: ["#one #two"],
  },
  "language:response_language": {
    args: { language: "de" },
    follows: ["Das ist ein ganz normaler deutscher Satz über das Wetter.", "123"],
    fails: ["This is a plain sentence about the weather."],
  },
  "length_constraints:nth_paragraph_first_word": {
    args: { num_paragraphs: 2, nth_paragraph: 2, first_word: "weekend" },
    follows: ["One.\n\n'Weekend!' he said."],
    fails: ["Weekend.\n\nTwo.", "One.\n\nWeekend.\n\nThree.", "Weekend"],
  },
  "length_constraints:number_paragraphs": {
    args: { num_paragraphs: 2 },
    follows: ["one\n***\ntwo", "***one***two***"],
    fails: ["one", "one *** *** two", "one\n\ntwo"],
  },
  "length_constraints:number_sentences": {
    args: { num_sentences: 3, relation: "less than" },
    follows: ["One. Two!", "Dr. Who met Mr. J. Smith at 5 p.m. today."],
    fails: ["One. Two! Three?"],
  },
  "length_constraints:number_words": {
    args: { num_words: 4, relation: "at least" },
    follows: ["well-known words don't"], // five
    fails: ["three short words"],
  },
  "punctuation:no_comma": { follows: ["no comma here"], fails: ["a, b"] },
  "startend:end_checker": {
    args: { end_phrase: "That is all. " },
    follows: ['"So it goes. That IS all."', "That is all.  "],
    fails: ["That is all. Really."],
  },
  "startend:quotation": { follows: [' "all of it" '], fails: ['"half of it', '"'] },
};

test("there are cases for each of the 25 kinds, and each is told apart", () => {
  assert.deepEqual(Object.keys(CASES).sort(), Object.keys(VERIFIERS).sort());
  assert.equal(Object.keys(VERIFIERS).length, 25);
  for (const [id, { args = {}, follows, fails }] of Object.entries(CASES)) {
    for (const text of follows) assert.equal(VERIFIERS[id]!(text, args), true, `${id}: ${text}`);
    for (const text of fails) assert.equal(VERIFIERS[id]!(text, args), false, `${id}: ${text}`);
  }
});

test("languages are told by their letters and trigrams", () => {
  for (const [text, code] of [
    ["हे मराठी वाक्य आहे जे चाचणीसाठी लिहिले आहे आणि ते खूप मोठे नाही", "mr"],
    ["این یک جمله فارسی است که برای آزمایش نوشته شده است", "fa"],
    ["Hii ni sentensi ya Kiswahili kwa ajili ya majaribio", "sw"],
    ["ഇത് മലയാളത്തിൽ എഴുതിയ ഒരു വാക്യമാണ്", "ml"],
    ["Это обычное предложение о погоде", "ru"],
  ] as const) {
    assert.equal(languageOf(text), code, text);
  }
  assert.equal(languageOf("12 + 3"), undefined);
});

test("words are the Penn Treebank's, sentences end where Punkt would end them", () => {
  assert.deepEqual(treebankWords("I can't say \"NASA's here\" (U.S. too)."), [
    ...["I", "ca", "n't", "say", "``", "NASA", "'s", "here", "''"],
    ...["(", "U.S.", "too", ")", "."],
  ]);
  assert.equal(countSentences("Mr. Fox paid $3.50. He left... then he came back! Why?"), 3);
  assert.equal(countSentences("  "), 0);
});

test("loose is the best of eight texts, and a blank one follows nothing", () => {
  const instructions = [
    { id: "startend:quotation", arguments: {} },
    { id: "punctuation:no_comma", arguments: {} },
  ];
  const { strict, loose } = followed('Sure, here it is:\n"quoted"', instructions);
  assert.deepEqual(strict, [false, false]);
  assert.deepEqual(loose, [true, true]);
  assert.deepEqual(followed(" \n", instructions).loose, [false, false]);
});

test("the task loads, and instructions count each, prompts as a whole", {
  skip: skipWithoutShared,
}, async () => {
  const { items } = await loadTasks(["ifeval"], { split: "test", dataDir: DATA_DIR });
  assert.equal(items.length, 541);
  const [first, second] = items.slice(0, 2);
  // 1000: no comma, three highlights, 300 words; 1001: no comma
  const scores = [first!, second!].map((item) =>
    scoreItem(keyOf(item), [], [], ["No *thing* at all"]),
  );
  assert.deepEqual(scores[0]!.others, {
    prompt_level_strict_acc: 0,
    inst_level_strict_acc: 1 / 3,
    prompt_level_loose_acc: 0,
    inst_level_loose_acc: 1 / 3,
  });
  assert.equal(estimate(scores, "prompt_level_strict_acc").value, 1 / 2);
  assert.equal(estimate(scores, "inst_level_strict_acc").value, 2 / 4);
});
