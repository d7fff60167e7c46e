// Whole evaluations of a real model against lm-evaluation-harness's logs of the same: every request, hash,
// log-likelihood, text, filtered answer and metric, in plain text and in four chat templates. Not compared: doc_hash
// of HellaSwag, whose local rows have other columns, and what lm-evaluation-harness calls N/A.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { sha256 } from "../../src/base/hash.ts";
import { pipelinesOf } from "../../src/evals/generation.ts";
import type { Answer, Item } from "../../src/evals/item.ts";
import { isLowerBetter, type MetricKey } from "../../src/evals/metrics.ts";
import { sampleHashes } from "../../src/evals/sample-log.ts";
import { type Evaluation, evaluateModel } from "../../src/run/eval/evaluate.ts";
import { DATA_DIR, skipWithoutShared } from "../evals/shared.ts";
import { DEMO_MODELS } from "../evals/tokenizers.ts";

interface Line {
  readonly id: number;
  readonly filter?: string;
  /** Over each request's context, NUL, continuation, U+0001. */
  readonly request: string;
  /** Of document, prompt and target. */
  readonly hashes: readonly (string | null)[];
  readonly lls?: readonly number[];
  readonly greedy?: string;
  readonly text?: string;
  readonly filtered?: string;
}

interface Run {
  readonly name: string;
  readonly tasks: readonly string[];
  readonly limit: number;
  readonly fewshot?: number;
  readonly gen_kwargs?: string;
  readonly system?: string;
  /** Whether prompts begin with BOS, where not as the tokenizer says. */
  readonly add_bos?: boolean;
  readonly template?: string;
  readonly multiturn?: boolean;
  readonly results: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly lines: Readonly<Record<string, readonly Line[]>>;
}

interface Goldens {
  readonly templates: Readonly<Record<string, string>>;
  readonly runs: readonly Run[];
}

const TEST = join(import.meta.dirname, "..");
const GOLDENS: Goldens = JSON.parse(
  readFileSync(join(TEST, "fixtures/lm-eval-model.json"), "utf8"),
);

const folder = mkdtempSync(join(tmpdir(), "tsmerge-lm-eval-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** The demo family's base model, with a chat template. */
function modelWith(template: string | undefined): string {
  const base = join(DEMO_MODELS, "base");
  if (template === undefined) return base;
  const own = join(folder, template);
  cpSync(base, own, { recursive: true });
  const file = join(own, "tokenizer_config.json");
  const config: object = JSON.parse(readFileSync(file, "utf8"));
  const chat_template = GOLDENS.templates[template];
  writeFileSync(file, JSON.stringify({ ...config, chat_template }));
  return own;
}

function evaluate({ template, multiturn, ...run }: Run): Promise<Evaluation> {
  const [key, value] = run.gen_kwargs?.split("=") ?? [];
  return evaluateModel(modelWith(template), run.tasks, {
    ...{ device: "cpu", store: join(folder, "answers.db"), dataDir: DATA_DIR },
    ...{ limitFirst: run.limit, fewshot: run.fewshot, systemInstruction: run.system },
    addsBos: run.add_bos,
    includePaths: [join(TEST, "evals/data/prefixes")],
    ...(key !== undefined && { genKwargs: { [key]: Number(value) } }),
    ...(template !== undefined && { chat: { isMultiturn: multiturn === true } }),
  });
}

const short = (digest: string): string => digest.slice(0, 16);

function requestHash({ context, contexts, continuations, judgement }: Item): string {
  const pairs =
    judgement?.kind === "generation"
      ? [[context, ""]]
      : judgement?.kind === "rolling"
        ? continuations.map((text) => [text, ""])
        : continuations.map((text, index) => [contexts?.[index] ?? context, text]);
  return short(sha256(pairs.map((pair) => `${pair.join("\0")}\x01`).join("")));
}

/** What a line says of an answer; the largest difference of its log-likelihoods. */
function compare(line: Line, item: Item, answer: Answer, name: string): number {
  const { doc_hash, prompt_hash, target_hash } = sampleHashes(item);
  assert.equal(requestHash(item), line.request, `${name}: requests`);
  assert.deepEqual(
    [line.hashes[0] === null ? null : doc_hash, prompt_hash, target_hash].map(
      (hash) => hash && short(hash),
    ),
    line.hashes,
    `${name}: hashes`,
  );
  if (line.text !== undefined) assert.deepEqual(answer.texts, [line.text], name);
  const { judgement } = item;
  if (line.filter !== undefined && judgement?.kind === "generation") {
    const pipelines = pipelinesOf(judgement.rule.filters, judgement.rule.file);
    const own = pipelines.find((each) => each.name === line.filter)!;
    assert.deepEqual(own.apply(answer.texts).slice(0, 1), [line.filtered], `${name}: filtered`);
  }
  if (line.lls === undefined) return 0;
  const isRolling = judgement?.kind === "rolling";
  const sum = answer.logLikelihoods.reduce((total, each) => total + each, 0);
  const own = isRolling ? [sum] : answer.logLikelihoods;
  assert.equal(own.length, line.lls.length, name);
  if (line.greedy !== undefined) {
    assert.equal(answer.greedy.map(Number).join(""), line.greedy, `${name}: greedy`);
  }
  const scale = isRolling ? Math.abs(sum) : 1;
  return Math.max(...own.map((value, index) => Math.abs(value - line.lls![index]!) / scale));
}

function compareResults({ results }: Evaluation, expected: Run["results"]): void {
  const found = new Map([...results.tasks, ...results.groups].map((each) => [each.task, each]));
  for (const [task, metrics] of Object.entries(expected)) {
    for (const [key, value] of Object.entries(metrics)) {
      const [name = "", filter] = key.split(",");
      const metric = name.replace(/_stderr$/, "");
      const own =
        found.get(task)?.metrics[
          (filter === "none" ? metric : `${metric},${filter}`) as MetricKey // undefined fails below
        ];
      const estimate = name.endsWith("_stderr") ? own?.stderr : own?.value;
      // log-likelihoods stand in an exponent in perplexities, and mc2 is their mean; others count right answers
      const isCount = !isLowerBetter(metric as MetricKey) && task !== "truthfulqa_mc2";
      const tolerance = (isCount ? 1e-9 : 1e-3) * Math.max(1, Math.abs(value));
      const isClose = Math.abs((estimate ?? Number.NaN) - value) <= tolerance;
      assert.ok(isClose, `${task} ${key}: ${estimate} instead of ${value}`);
    }
  }
}

for (const run of GOLDENS.runs) {
  test(`${run.name}: requests, answers and metrics are lm-eval's`, {
    skip: skipWithoutShared,
  }, async (context) => {
    const evaluation = await evaluate(run);
    const { items, answers } = evaluation;
    let worst = 0;
    for (const [task, lines] of Object.entries(run.lines)) {
      for (const line of lines) {
        const index = items.findIndex((item) => item.task === task && item.docId === line.id);
        const difference = compare(line, items[index]!, answers[index]!, `${task} ${line.id}`);
        worst = Math.max(worst, difference);
      }
    }
    compareResults(evaluation, run.results);
    context.diagnostic(`largest difference of a log-likelihood: ${worst.toExponential(1)}`);
    assert.ok(worst <= 1e-3, String(worst));
  });
}
