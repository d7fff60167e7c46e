// The table a finished run ends with, as Markdown text. It prints what results.ts holds and computes nothing.

import { markdownTable } from "markdown-table";
import type { Comparison, EvolveResult, Interval } from "../run/evolve/results.ts";
import { renderFront } from "./front.ts";

/** The final table, the verdict, and where every number comes from. */
export function renderEnding(result: EvolveResult): string {
  const tasks = [...new Set(result.report.flatMap((row) => Object.keys(row.tasks)))];
  // one column a leaf task is readable for a handful of them only
  const shown = tasks.length <= 6 ? tasks : [];
  const head = [
    "model",
    result.reportMetric,
    "95 % interval",
    "n",
    "vs best parent",
    "95 %",
    "p",
    "vs equal weights",
    "95 %",
    "p",
    ...shown,
  ];
  const rows = result.report.map((row) => [
    row.won ? `**${row.label}**` : row.label,
    number(row.score.value),
    interval(row.score),
    String(row.score.n),
    ...comparison(row.againstBestParent, result.isCounted),
    ...comparison(row.againstEqualWeights, result.isCounted),
    ...shown.map((task) => (row.tasks[task] ? number(row.tasks[task].value) : "")),
  ]);
  const align = ["l", ...head.slice(1).map(() => "r")];
  return [
    markdownTable([head, ...rows], { align }),
    "",
    result.verdict,
    "",
    provenance(result),
    ...(result.front === undefined ? [] : ["", renderFront(result.front)]),
  ].join("\n");
}

function interval({ low, high }: Interval): string {
  return low === null || high === null ? "unknown" : `${number(low)}–${number(high)}`;
}

/** Three decimals, or of large numbers five digits. */
function number(value: number): string {
  return Math.abs(value) < 100 ? value.toFixed(3) : value.toPrecision(5);
}

/** How much better, in points where answers are counted, its interval and p; empty for the model compared with. */
function comparison(value: Comparison | undefined, isCounted: boolean): [string, string, string] {
  if (value === undefined) return ["", "", ""];
  const { delta, low, high, p } = value;
  const size = (difference: number): string => {
    const magnitude = Math.abs(difference);
    const digits = isCounted ? (magnitude * 100).toFixed(1) : magnitude.toPrecision(3);
    return `${difference < 0 ? "−" : "+"}${digits}`;
  };
  const tested = p === null ? "none" : p < 0.0001 ? "< 0.0001" : p.toPrecision(2);
  const interval = low === null || high === null ? "unknown" : `${size(low)} to ${size(high)}`;
  return [size(delta), interval, tested];
}

function provenance({ search, items, metric, seed, ...result }: EvolveResult): string {
  const { reportLooks, report, shortlist } = result;
  const looks =
    reportLooks > 1 ? ` The report items have been looked at ${reportLooks} times.` : "";
  const winner = report.find(({ won }) => won)?.label;
  const chance = shortlist.find(({ label }) => label === winner)?.chance;
  const sure =
    chance === undefined
      ? ""
      : `, where it is the best in ${Math.round(100 * chance)} % of resamples`;
  const stopped = search.stopped > 0 ? `, ${search.stopped} of them on fewer by racing` : "";
  return (
    `${search.evaluations} candidates (${wholeGenerations(search.generations)}) were searched by ${metric} on ` +
    `${items.search} items${stopped} (${search.ended}; ${search.failed} failed), the winner chosen from ${shortlist.length} on ${items.selection} others${sure}, ` +
    `and this table made on ${items.report} that neither saw; seed ${seed}.${looks}`
  );
}

/** The strategy learns from whole generations; a budget may end in the middle of one. */
function wholeGenerations(count: number): string {
  if (count === 0) return "less than a generation";
  return count === 1 ? "1 whole generation" : `${count} whole generations`;
}
