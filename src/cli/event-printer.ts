// What a run tells, as text on stderr: a status line that moves, and one lasting line for each thing
// worth keeping.

import type { OnEvent, RunEvent } from "../run/evolve/events.ts";
import { clock } from "./clock.ts";
import type { Status } from "./status.ts";

/** A listener that prints each event. */
export function eventPrinter(status: Status): OnEvent {
  return (event) => {
    switch (event.type) {
      case "note":
        return status.line(`note: ${event.text}`);
      case "started":
        return status.line(startLine(event));
      case "stage":
        return status.update(`${event.stage}: ${event.candidates ?? ""} candidates`);
      case "progress":
        return status.update(progressLine(event));
      case "newBest":
        return status.line(newBestLine(event));
      case "failed":
        return status.line(`candidate ${event.label} failed: ${event.message}`);
      case "ended":
        return status.line(`search ended: ${event.reason}`);
      case "scored":
      case "finished":
        return;
      default:
        event satisfies never;
    }
  };
}

type Of<Type extends RunEvent["type"]> = Extract<RunEvent, { type: Type }>;

function startLine({
  folder,
  resumed,
  dimension,
  strategy,
  population,
  seed,
  metric,
  items,
}: Of<"started">) {
  const verb = resumed ? "continuing" : "starting";
  return (
    `${verb} ${folder}: ${strategy} over ${dimension} ${dimension === 1 ? "gene" : "genes"}, ${population} candidates a generation, seed ${seed}; ` +
    `by ${metric}${metric.includes("↓") ? " (of what is minimised the sign is turned)" : ""}; ` +
    (items.search === 0
      ? "items are the program's"
      : `${items.search} search, ${items.selection} selection and ${items.report} report items`)
  );
}

function progressLine({ stage, done, total, perMinute, etaSeconds, best }: Of<"progress">): string {
  const parts = [`${stage} ${done}${total === undefined ? "" : `/${total}`}`];
  if (best !== undefined) parts.push(`best ${best.label} ${scoreOf(best)}`);
  if (perMinute !== undefined) parts.push(`${perMinute.toFixed(0)}/min`);
  if (etaSeconds !== undefined) parts.push(`ETA ${clock(etaSeconds)}`);
  return parts.join("   ");
}

function newBestLine(event: Of<"newBest">): string {
  const { label, evaluation, delta, file } = event;
  const gain =
    delta === undefined
      ? ""
      : `, ${delta < 0 ? "−" : "+"}${number(Math.abs(delta))} to the best baseline`;
  return `new best ${label} (evaluation ${evaluation}): ${scoreOf(event)}${gain} → ${file}`;
}

/** `-0.5276 ± 0.0489 on 617 search items` */
function scoreOf({ score, stderr, n }: Pick<Of<"newBest">, "score" | "stderr" | "n">): string {
  const error = stderr === undefined ? "" : ` ± ${number(stderr)}`;
  return `${number(score)}${error} on ${n} search items`;
}

/** Four decimals, or of large numbers six digits. */
function number(value: number): string {
  return Math.abs(value) < 100 ? value.toFixed(4) : value.toPrecision(6);
}
