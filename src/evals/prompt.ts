// Questions as prompts, by the rules of lm-evaluation-harness in plain text mode: description, worked
// examples, question. A piece ends with its own delimiter, and the prompt ends where the question ends.

import type { SubjectLeaf } from "./catalogue.ts";
import { strip } from "./python-text.ts";
import type { Question } from "./questions.ts";

/** Between a prompt and what continues it. */
const TARGET_DELIMITER = " ";
/** After each worked example. */
const FEWSHOT_DELIMITER = "\n\n";

/** What the evaluated question is appended to: the description and the worked examples, in their order. */
export function renderPreamble(leaf: SubjectLeaf, examples: readonly Question[]): string {
  const description = leaf.definition.description.replaceAll("{subject}", subjectOf(leaf));
  const shots = examples.map((example) => {
    const answer = choicesOf(leaf, example)[example.answer]!;
    return renderQuestion(leaf, example) + TARGET_DELIMITER + answer + FEWSHOT_DELIMITER;
  });
  return description + shots.join("");
}

/** The question without its answer. Python's strip() is applied to the question, not to the choices. */
export function renderQuestion(leaf: SubjectLeaf, question: Question): string {
  return leaf.definition.prompt.replace(
    /\{(question|subject|choice([0-3]))\}/g,
    (_, name, index) =>
      name === "question"
        ? strip(question.question)
        : name === "subject"
          ? subjectOf(leaf)
          : question.choices[Number(index)]!,
  );
}

/** The texts whose likelihoods are compared: the definition's, or the options themselves. */
export function choicesOf(leaf: SubjectLeaf, question: Question): readonly string[] {
  return leaf.definition.choices ?? question.choices;
}

/** A choice as it is appended to the prompt. */
export function continuationOf(choice: string): string {
  return TARGET_DELIMITER + choice;
}

function subjectOf(leaf: SubjectLeaf): string {
  return leaf.alias.replaceAll("_", " ");
}
