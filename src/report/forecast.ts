// What `--dry-run` prints: the forecast's numbers as lines for people.

import type { Forecast } from "../run/evolve/forecast.ts";

const MIB = 2 ** 20;

export function renderForecast(forecast: Forecast): string {
  const { dimension, genes, strategy, population, evaluations, baselines, items } = forecast;
  const { tokens, tokensInAll, workers, memoryBytes, diskBytes, seed, notes } = forecast;
  const split = (name: "search" | "selection" | "report"): string => {
    const { computed, naive } = tokens[name];
    if (computed === 0) {
      return `${name}: ${items[name] === 0 ? "a program's own" : items[name]} items, scored outside`;
    }
    const ratio = (naive / computed).toFixed(1);
    return `${name}: ${items[name]} items, ${count(computed)} tokens a candidate (${ratio}× fewer than one pass a prompt)`;
  };
  return [
    ...notes.map((note) => `note: ${note}`),
    `${dimension} genes: ${genes.join(", ")}`,
    `${strategy}, ${population} candidates a generation, seed ${seed}`,
    `${evaluations ?? "as many as the time allows"} evaluations, ${baselines} baselines besides`,
    split("search"),
    split("selection"),
    split("report"),
    `tokens in all: ${tokensInAll === undefined ? "unknown" : count(tokensInAll)}`,
    `memory: about ${Math.ceil(memoryBytes / MIB)} MiB of weights in ${workers} worker${workers === 1 ? "" : "s"}`,
    `disk: ${diskBytes === undefined ? "unknown" : `about ${Math.ceil(diskBytes / MIB)} MiB`} in the run folder`,
  ].join("\n");
}

function count(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} G`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  return value >= 1e3 ? `${(value / 1e3).toFixed(1)} k` : String(value);
}
