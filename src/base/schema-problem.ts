// What zod finds wrong with a value, in words that need no knowledge of zod.

import type { z } from "zod";

/** All problems of a value in one line, such as `output_type is not one of a, b; task is missing`. */
export function schemaProblems({ issues }: z.ZodError): string {
  return issues
    .map((issue) => {
      const name = issue.path.join(".");
      const isMissing =
        issue.code === "invalid_type" && issue.message.endsWith("received undefined");
      const sentence = isMissing ? "is missing" : sentenceOf(issue);
      return `${name === "" ? "the whole" : name} ${sentence}`;
    })
    .join("; ");
}

/** What each type of zod's is called in a file. */
const KINDS: Readonly<Record<string, string>> = {
  int: "a whole number",
  number: "a number",
  boolean: "true or false",
  string: "text",
  array: "a list",
  tuple: "a list",
  object: "a mapping",
};

/** What is wrong with a value, as the rest of a sentence that begins with it: schemas' own words, or zod's said simply. */
export function sentenceOf(issue: z.core.$ZodIssue): string {
  const { message } = issue;
  if (!/^(Invalid|Too)/.test(message)) return message; // a schema's own
  switch (issue.code) {
    case "invalid_type":
      return `is not ${KINDS[issue.expected] ?? issue.expected}`;
    case "invalid_value":
      return `is not one of ${issue.values.map(String).join(", ")}`;
    case "too_small": {
      if (issue.origin === "array") return `has fewer than ${issue.minimum} entries`;
      if (issue.origin === "string") return "is empty";
      return `is not ${issue.inclusive ? "at least" : "above"} ${issue.minimum}`;
    }
    case "too_big": {
      if (issue.origin === "array") return `has more than ${issue.maximum} entries`;
      return `is not ${issue.inclusive ? "at most" : "below"} ${issue.maximum}`;
    }
    default:
      return "is not what can stand here";
  }
}
