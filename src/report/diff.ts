// What `tsmerge diff` prints: a row a layer, a column a block.

import { markdownTable } from "markdown-table";
import { BLOCKS, type Block, type Difference, type ModelDifference } from "../run/merge/diff.ts";

/** The table of relative norms and cosines as Markdown. */
export function renderDiff(diff: ModelDifference): string {
  const { a, b, whole, unequal, unmatched } = diff;
  const blocks = blocksOf(diff);
  const rows = layersOf(diff).map((layer) => [
    layer === undefined ? "–" : String(layer),
    ...blocks.map((block) => {
      const cell = diff.blocks.find((one) => one.layer === layer && one.block === block);
      return cell === undefined ? "" : shown(cell);
    }),
  ]);
  return [
    `from ${a} to ${b}: ‖b − a‖ / ‖a‖ and cosine`,
    markdownTable([["layer", ...blocks], ...rows], { align: ["r", ...blocks.map(() => "r")] }),
    `whole: ${shown(whole)}, norm of the difference ${whole.norm.toPrecision(4)}`,
    ...(unequal.length === 0 ? [] : [`other bytes, not measured: ${unequal.join(", ")}`]),
    ...(unmatched.length === 0
      ? []
      : [`in one model only, or in another shape or type: ${unmatched.join(", ")}`]),
  ].join("\n");
}

function shown({ relative, cosine }: Difference): string {
  if (relative === 0) return "equal";
  return `${percent(relative)} ${cosine.toFixed(4)}`;
}

/** `2.31 %` */
export function percent(ratio: number): string {
  return Number.isFinite(ratio) ? `${(100 * ratio).toPrecision(3)} %` : "∞";
}

/** The blocks that occur, in their order. */
export function blocksOf({ blocks }: ModelDifference): Block[] {
  return BLOCKS.filter((block) => blocks.some((one) => one.block === block));
}

/** The layers that occur; undefined stands for what lies outside. */
export function layersOf({ blocks }: ModelDifference): (number | undefined)[] {
  return [...new Set(blocks.map(({ layer }) => layer))];
}
