// Seven BBOB functions at the budgets a merge search has: the share of targets reached by evaluations per gene
// (an ECDF over functions, instances and 51 targets), ours beside pycma's. Draws docs/bbob.svg.

import { streamKey, uniform } from "../src/base/counter-rng.ts";
import { cmaes } from "../src/search/strategies/cmaes.ts";
import { cmaesIpop } from "../src/search/strategies/restarts.ts";
import type { Strategy } from "../src/search/strategy.ts";
import { BBOB } from "../test/search/bbob.ts";
import { step, unbounded } from "../test/search/run.ts";

const GENES = [2, 5, 10] as const;
const INSTANCES = 15;
/** Of a box this wide: far below the last target's distance. */
const FINEST = 1e-14;
const TARGETS = Array.from({ length: 51 }, (_, i) => 10 ** (2 - 0.2 * i));
/** Evaluations per gene at which curves are read. */
const BUDGETS = [3, 10, 30, 50, 100, 300, 1000];

/** Shares of targets that pycma 4.5.0 reached on the same instances from the same starts, by restarts and genes. */
const PYCMA = {
  cmaes: {
    2: [0.0383, 0.0896, 0.1546, 0.1974, 0.2947, 0.6753, 0.6924],
    5: [0.0133, 0.0362, 0.0881, 0.1204, 0.1981, 0.549, 0.6297],
    10: [0.0062, 0.0153, 0.0633, 0.0936, 0.1589, 0.3012, 0.6024],
  },
  "cmaes-ipop": {
    2: [0.0383, 0.0896, 0.1546, 0.1974, 0.2947, 0.6753, 0.7841],
    5: [0.0133, 0.0362, 0.0881, 0.1204, 0.1981, 0.549, 0.6493],
    10: [0.0062, 0.0153, 0.0633, 0.0936, 0.1589, 0.3012, 0.6155],
  },
} as const;

export interface Curve {
  readonly name: keyof typeof PYCMA;
  readonly genes: number;
  /** Share of targets reached at each budget, [BUDGETS]. */
  readonly ours: readonly number[];
  readonly pycma: readonly number[];
}

/** Every curve; a minute or two. */
export function bbobCurves(): Curve[] {
  return [
    ...GENES.map((genes) => curve(cmaes, "cmaes", genes)),
    ...GENES.map((genes) => curve(cmaesIpop, "cmaes-ipop", genes)),
  ];
}

function curve<State>(strategy: Strategy<State>, name: Curve["name"], genes: 2 | 5 | 10): Curve {
  const hits = BBOB.flatMap((f) =>
    Array.from({ length: INSTANCES }, (_, i) => {
      const key = streamKey("bbob start", f.id, genes, i + 1);
      const start = Array.from({ length: genes }, (_, gene) => 8 * uniform(key, gene) - 4);
      return hitTimes(strategy, f.instance(genes, i + 1), start, i + 1);
    }),
  ).flat();
  const ours = BUDGETS.map(
    (budget) => hits.filter((hit) => hit <= budget * genes).length / hits.length,
  );
  return { name, genes, ours, pycma: PYCMA[name][genes] };
}

/** Evaluations after which each target was first met, [TARGETS]; Infinity for those that were not. */
function hitTimes<State>(
  strategy: Strategy<State>,
  value: (x: readonly number[]) => number,
  start: readonly number[],
  seed: number,
): number[] {
  const box = unbounded({ name: "bbob", value, start: 0, sigma: 2 }, start.length, seed);
  let state = strategy.initial({ ...box, start, resolution: FINEST });
  const limit = BUDGETS.at(-1)! * start.length;
  const hits = TARGETS.map(() => Number.POSITIVE_INFINITY);
  let [evaluations, reached] = [0, 0];
  while (evaluations < limit && reached < TARGETS.length) {
    state = step(strategy, state, (genome) => {
      evaluations++;
      const f = value(genome);
      while (reached < TARGETS.length && f <= TARGETS[reached]!) hits[reached++] = evaluations;
      return -f;
    });
  }
  return hits;
}

const PANEL = { width: 230, height: 190, gap: 46, top: 40, left: 44 };
const COLOURS = { ours: "#0c2c84", pycma: "#d95f02" } as const;

/** One panel a number of genes, single runs solid and restarts dashed, as an SVG document. */
export function bbobPicture(curves: readonly Curve[]): string {
  const width = PANEL.left + GENES.length * (PANEL.width + PANEL.gap);
  const height = PANEL.top + PANEL.height + 56;
  const panels = GENES.map((genes, index) => {
    const left = PANEL.left + index * (PANEL.width + PANEL.gap);
    const own = curves.filter((one) => one.genes === genes);
    const lines = own.flatMap((one) =>
      (["pycma", "ours"] as const).map((who) => {
        const dashes = one.name === "cmaes" ? "" : ' stroke-dasharray="5 3"';
        const points = one[who].map((share, i) => `${x(left, i)},${y(share)}`).join(" ");
        return `<polyline points="${points}" fill="none" stroke="${COLOURS[who]}" stroke-width="1.6"${dashes}/>`;
      }),
    );
    const ticks = BUDGETS.map((budget, i) =>
      text(x(left, i), PANEL.top + PANEL.height + 14, `${budget}`),
    );
    const shares = [0, 0.5, 1].map((share) => text(left - 14, y(share) + 4, share.toFixed(1)));
    const frame = `<rect x="${left}" y="${PANEL.top}" width="${PANEL.width}" height="${PANEL.height}" fill="none" stroke="#999"/>`;
    const title = text(left + PANEL.width / 2, PANEL.top - 8, `${genes} genes`);
    return [frame, title, ...ticks, ...shares, ...lines].join("\n");
  });
  const legend =
    "share of 51 targets reached, by evaluations per gene · dark: tsmerge, orange: pycma 4.5.0 · dashed: with restarts (IPOP)";
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="#fff"/>
${panels.join("\n")}
${text(width / 2, height - 14, legend)}
</svg>
`;
}

function x(left: number, i: number): string {
  const [first, last] = [Math.log(BUDGETS[0]!), Math.log(BUDGETS.at(-1)!)];
  return (left + ((Math.log(BUDGETS[i]!) - first) / (last - first)) * PANEL.width).toFixed(1);
}

function y(share: number): number {
  return Math.round(10 * (PANEL.top + (1 - share) * PANEL.height)) / 10;
}

function text(left: number | string, top: number, words: string): string {
  return `<text x="${left}" y="${top}" text-anchor="middle" fill="#222">${words}</text>`;
}
