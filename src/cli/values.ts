// Parsers of option values: each returns the value or throws commander's own error with a sentence.

import { InvalidArgumentError } from "commander";

/** A whole number of at least `least`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`expected a whole number of at least ${least}.`);
    }
    return value;
  };
}

/** A finite number above zero. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError("expected a number above 0.");
  }
  return value;
}

/** A number above zero and at most 1. */
export function fraction(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value > 0 && value <= 1)) {
    throw new InvalidArgumentError("expected a number above 0 and up to 1.");
  }
  return value;
}

/** `a,b` and repeated flags both add to a list; empty entries are dropped. */
export function listOf(text: string, earlier: readonly string[] | undefined): string[] {
  const names = text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  return [...(earlier ?? []), ...names];
}
