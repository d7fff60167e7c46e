// Where the tests of this folder find reference data, and lm-evaluation-harness's deterministic fake model.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Item, ItemScore } from "../../src/evals/item.ts";
import { keyOf, scoreItem } from "../../src/evals/metrics.ts";
import { codePoints } from "../../src/evals/python/text.ts";

const SHARED = resolve(import.meta.dirname, "../../../shared");

export const DATA_DIR = join(SHARED, "datasets");
export const GOLDENS = join(SHARED, "goldens");

/** For node:test's `skip`: a reason when reference data is absent. */
export const skipWithoutShared = existsSync(DATA_DIR) ? false : `no reference data in ${SHARED}`;

/** ll = -20·h/2³² - 0.1·code points, h = the first four bytes of sha256(context, NUL, continuation). */
export function fakeLogLikelihood(context: string, continuation: string): number {
  const digest = createHash("sha256").update(`${context}\0${continuation}`).digest();
  return (-20 * digest.readUInt32BE(0)) / 2 ** 32 - 0.1 * codePoints(continuation);
}

export function fakeScores(items: readonly Item[]): ItemScore[] {
  return items.map((item) =>
    scoreItem(
      keyOf(item),
      item.continuations.map((text) => fakeLogLikelihood(item.context, text)),
    ),
  );
}

/** SHA-256 over context, NUL, continuation, U+0001 of every request in order. */
export function requestsHash(items: readonly Item[]): string {
  const hash = createHash("sha256");
  for (const item of items) {
    for (const text of item.continuations) hash.update(`${item.context}\0${text}\x01`);
  }
  return hash.digest("hex");
}

/** For tests that need none of it, but may run beside others that do. */
export const DATA_IF_THERE = skipWithoutShared === false ? DATA_DIR : undefined;
