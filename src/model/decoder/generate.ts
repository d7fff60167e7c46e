// Greedy decoding of one generation: all its prompts at once, a token each at a time, until every text has
// ended. Rows that have ended are taken out now and then. Texts depend on rows' own tokens, not on who stands
// beside them: never fewer than two rows, since one-row products differ in their last bits.

import type { GenerationBatch } from "../batch.ts";
import type { NextToken } from "./next-token.ts";
import type { State } from "./past.ts";
import type { RowCache } from "./row-cache.ts";
import type { TextEnd } from "./text-end.ts";

/** One decoder call: a token a row in, out the most probable next one, and each layer's keys and values [rows, width]. */
export type Step = (tokens: Int32Array, positions: Int32Array) => Promise<StepOutput>;

export interface StepOutput {
  /** [rows] */
  readonly best: Int32Array;
  /** [rows, vocabulary], where something else than the most probable token may be chosen. */
  readonly logits?: Float32Array | undefined;
  readonly state: State;
}

/** What chooses tokens in place of the graph, and each prompt's tokens, which it looks at. */
export interface Choice {
  readonly next: NextToken;
  readonly prompts: readonly (readonly number[])[];
}

/** A row: a prompt on its way. One that has ended stands still, and what is computed for it is not read. */
interface Text {
  readonly prompt: readonly number[];
  readonly generated: number[];
  /** The token that is decoded next, and its position. */
  token: number;
  position: number;
  ended: boolean;
}

/**
 * The prompts' new tokens, end tokens and stop strings included.
 * @param cache a row for each prompt; two of a single prompt
 * @param choice undefined: the most probable token
 * @param beforeStep called before each decoder call; what it throws ends the generation
 */
export async function generate(
  { shared, prompts }: GenerationBatch,
  cache: RowCache,
  end: TextEnd,
  step: Step,
  choice: Choice | undefined,
  beforeStep: () => void,
): Promise<number[][]> {
  const texts = prompts.map(({ own, token }, index): Text => {
    const position = shared.slot.length + own.slot.length;
    const prompt = choice?.prompts[index] ?? [];
    return { prompt, generated: [], token, position, ended: false };
  });
  let rows = texts.length === 1 ? [texts[0]!, { ...texts[0]!, ended: true }] : texts;
  while (rows.some(({ ended }) => !ended)) {
    beforeStep();
    const positions = Int32Array.from(rows, ({ position }) => position);
    const output = await step(
      Int32Array.from(rows, ({ token }) => token),
      positions,
    );
    cache.append(output.state, positions);
    rows.forEach((text, row) => {
      if (!text.ended) advance(text, tokenOf(output, row, text, choice), end);
    });
    rows = withoutEnded(rows, cache);
  }
  return texts.map(({ generated }) => generated);
}

function tokenOf(
  { best, logits }: StepOutput,
  row: number,
  { prompt, generated }: Text,
  choice: Choice | undefined,
): number {
  if (choice === undefined || logits === undefined) return best[row]!;
  const width = logits.length / best.length;
  const tokens = [...prompt, ...generated];
  return choice.next(logits.subarray(row * width, (row + 1) * width), {
    ...{ tokens, promptLength: prompt.length },
  });
}

function advance(text: Text, token: number, end: TextEnd): void {
  text.generated.push(token);
  text.token = token;
  text.position++;
  text.ended = end.isReached(text.generated);
}

/** Takes ended rows out once they are a quarter of all: that costs a copy of the others' keys and values. */
function withoutEnded(rows: Text[], cache: RowCache): Text[] {
  const open = [...rows.keys()].filter((row) => !rows[row]!.ended);
  if (open.length > 0.75 * rows.length || open.length === 0 || rows.length === 2) return rows;
  const companion = [...rows.keys()].find((row) => rows[row]!.ended)!;
  const kept = open.length === 1 ? [open[0]!, companion] : open;
  cache.keepRows(kept);
  return kept.map((row) => rows[row]!);
}
