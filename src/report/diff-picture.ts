// The picture of `tsmerge diff`: one square a layer and block, darker where the models differ more. An SVG
// file that needs nothing else.

import type { ModelDifference } from "../run/merge/diff.ts";
import { blocksOf, layersOf, percent } from "./diff.ts";

const CELL = { width: 96, height: 18 };
const MARGIN = { left: 48, top: 56, bottom: 30, right: 16 };
/** White to a dark blue. */
const DARKEST = [12, 44, 132] as const;

/** Relative norms by layer and block as an SVG document; the scale is linear from 0 to the largest. */
export function diffPicture(diff: ModelDifference): string {
  const [blocks, layers] = [blocksOf(diff), layersOf(diff)];
  const finite = diff.blocks.map(({ relative }) => relative).filter(Number.isFinite);
  const most = Math.max(...finite, Number.MIN_VALUE);
  const width = MARGIN.left + blocks.length * CELL.width + MARGIN.right;
  const height = MARGIN.top + layers.length * CELL.height + MARGIN.bottom;
  const cells = diff.blocks.map(({ layer, block, relative, cosine }) => {
    const x = MARGIN.left + blocks.indexOf(block) * CELL.width;
    const y = MARGIN.top + layers.indexOf(layer) * CELL.height;
    const share = Math.min(1, relative / most);
    const where = layer === undefined ? block : `layer ${layer}, ${block}`;
    const title = `${where}: ${percent(relative)}, cosine ${cosine.toFixed(4)}`;
    const box = `x="${x}" y="${y}" width="${CELL.width - 1}" height="${CELL.height - 1}"`;
    const text = label(
      x + CELL.width / 2,
      y + 13,
      percent(relative),
      share > 0.5 ? "#fff" : "#222",
    );
    return `<g><title>${title}</title><rect ${box} fill="${shade(share)}"/>${text}</g>`;
  });
  const columns = blocks.map((block, i) =>
    label(MARGIN.left + (i + 0.5) * CELL.width, MARGIN.top - 8, block),
  );
  const rows = layers.map((layer, i) =>
    label(
      MARGIN.left / 2,
      MARGIN.top + i * CELL.height + 13,
      layer === undefined ? "–" : `${layer}`,
    ),
  );
  const title = label(width / 2, 20, `${escaped(diff.a)} → ${escaped(diff.b)}`);
  const foot = label(
    width / 2,
    height - 10,
    `‖b − a‖ / ‖a‖; whole model ${percent(diff.whole.relative)}`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="#fff"/>
${[title, ...columns, ...rows, ...cells, foot].join("\n")}
</svg>
`;
}

function shade(share: number): string {
  const parts = DARKEST.map((dark) => Math.round(255 - share * (255 - dark)));
  return `rgb(${parts.join(",")})`;
}

function label(x: number, y: number, text: string, fill = "#222"): string {
  return `<text x="${x}" y="${y}" text-anchor="middle" fill="${fill}">${text}</text>`;
}

function escaped(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
