// lm-evaluation-harness's deterministic fake model over items of every kind, and the hash over its requests.

import { createHash } from "node:crypto";
import type { Item, ItemScore } from "../../src/evals/item.ts";
import { keyOf, scoreItem } from "../../src/evals/metrics.ts";
import { fakeLogLikelihood } from "./shared.ts";

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Greedy is an even fifth byte of sha256(context, NUL, continuation). */
function fakeGreedy(context: string, continuation: string): boolean {
  return digest(`${context}\0${continuation}`)[4]! % 2 === 0;
}

/** -(0.5 + h/2³²) · UTF-8 bytes. */
function fakeRolling(text: string): number {
  return -(0.5 + digest(text).readUInt32BE(0) / 2 ** 32) * Buffer.byteLength(text);
}

function fakeResponse(context: string): string {
  const hash = digest(context);
  const n = hash.readUInt32BE(0) % 50;
  const templates = [
    ` First 3 then $1,0${n % 10}0. So\n#### ${n}`,
    ` The answer is ${n}.`,
    ` so the answer is (${"ABCD"[n % 4]}).`,
    ` it is ${n}.00 dollars, the answer is ${n % 2 === 1 ? "Yes" : "No"}.`,
    ` ${n}`,
  ];
  return templates[hash[5]! % 5]!;
}

export function fakeScore(item: Item): ItemScore {
  if (item.judgement?.kind === "generation") {
    return scoreItem(keyOf(item), [], [], [fakeResponse(item.context)]);
  }
  if (item.judgement?.kind === "rolling") {
    return scoreItem(keyOf(item), item.continuations.map(fakeRolling));
  }
  const contextOf = (choice: number): string => item.contexts?.[choice] ?? item.context;
  return scoreItem(
    keyOf(item),
    item.continuations.map((text, choice) => fakeLogLikelihood(contextOf(choice), text)),
    item.continuations.map((text, choice) => fakeGreedy(contextOf(choice), text)),
  );
}

/** Python's json.dumps with sorted keys; the temperature is a float there. */
function dumped(options: Readonly<Record<string, unknown>>): string {
  const members = Object.entries(options)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => {
      const text = Array.isArray(value)
        ? `[${value.map((each) => JSON.stringify(each)).join(", ")}]`
        : JSON.stringify(value);
      return `"${key}": ${key === "temperature" ? Number(value).toFixed(1) : text}`;
    });
  return `{${members.join(", ")}}`;
}

/** Context and continuation of every request of an item. */
export function requestsOf(item: Item): readonly (readonly [string, string])[] {
  switch (item.judgement?.kind) {
    case "generation":
      return [[item.context, dumped(item.judgement.rule.options)]];
    case "rolling":
      return item.continuations.map((text) => [text, ""]);
    default:
      return item.continuations.map((text, index) => [
        item.contexts?.[index] ?? item.context,
        text,
      ]);
  }
}
