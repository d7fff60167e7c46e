// What `--dry-run` prints: the forecast's numbers as lines for people.

import type { Forecast } from "../run/evolve/forecast.ts";
import { countText, sizeText } from "./quantity.ts";

export function renderForecast(forecast: Forecast): string {
  const { dimension, genes, strategy, population, evaluations, baselines, items } = forecast;
  const { tokens, tokensInAll, workers, memoryBytes, diskBytes, seed, notes } = forecast;
  const split = (name: "search" | "selection" | "report"): string => {
    const { computed, naive } = tokens[name];
    if (computed === 0) {
      return `${name}: ${items[name] === 0 ? "a program's own" : items[name]} items, scored outside`;
    }
    const ratio = (naive / computed).toFixed(1);
    return `${name}: ${items[name]} items, ${countText(computed)} tokens a candidate (${ratio}× fewer than one pass a prompt)`;
  };
  return [
    ...notes.map((note) => `note: ${note}`),
    `${dimension} genes: ${genes.join(", ")}`,
    `${strategy}, ${population} candidates a generation, seed ${seed}`,
    `${evaluations ?? "as many as the budget allows"} evaluations, ${baselines} baselines besides`,
    split("search"),
    split("selection"),
    split("report"),
    `tokens in all: ${tokensInAll === undefined ? "unknown" : countText(tokensInAll)}`,
    `memory: about ${sizeText(memoryBytes)} of weights in ${workers} worker${workers === 1 ? "" : "s"}`,
    `disk: ${diskBytes === undefined ? "unknown" : `about ${sizeText(diskBytes)}`} in the run folder`,
  ].join("\n");
}
