// Questions in MMLU's CSV layout, `<folder>/<split>/<subject>_<split>.csv`: with a header row
// (question,choice0..choice3,answer 0-3), or as first published, with no header and answers A-D.

import { CsvError, parse } from "csv-parse/sync";
import { TsmergeError } from "../../base/errors.ts";

export interface Question {
  readonly question: string;
  readonly choices: readonly string[];
  /** Index of the right choice. */
  readonly answer: number;
}

const COLUMNS = 6;

/**
 * The questions of a CSV text.
 * @throws TsmergeError `data` naming the file and the row that is wrong
 */
export function parseQuestions(text: string, where: string): Question[] {
  let records: string[][];
  try {
    records = parse(text, { bom: true });
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new TsmergeError("data", `this is not a CSV file of questions: ${cause.message}`, {
      where,
      hint: "expected question, four choices and an answer in each row",
      cause,
    });
  }
  const hasHeader = records[0]?.[0] === "question" && records[0]?.at(-1) === "answer";
  return (hasHeader ? records.slice(1) : records).map((record, index) =>
    questionOf(record, `${where}, row ${index + 1}`),
  );
}

function questionOf(record: readonly string[], where: string): Question {
  if (record.length !== COLUMNS) {
    throw new TsmergeError("data", `expected ${COLUMNS} columns, found ${record.length}`, {
      where,
      hint: "a row is question,choice0,choice1,choice2,choice3,answer",
    });
  }
  const written = record[COLUMNS - 1]!;
  const letter = "ABCD".indexOf(written);
  const answer = written.length !== 1 ? -1 : letter >= 0 ? letter : "0123".indexOf(written);
  if (answer < 0) {
    throw new TsmergeError("data", `the answer is ${JSON.stringify(written)}`, {
      where,
      hint: "an answer is 0 to 3 or A to D",
    });
  }
  return { question: record[0]!, choices: record.slice(1, COLUMNS - 1), answer };
}
