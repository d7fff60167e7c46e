// Answers of an OpenAI-compatible endpoint (POST <url>/completions): log-probabilities of given texts through
// `echo`, and generated texts. It holds no connection and knows no task.

import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { TsmergeError } from "../base/errors.ts";
import type { Answer, Item } from "../evals/item.ts";
import { codePoints } from "../evals/python/text.ts";
import { isNeutral, SHAPE_KEYS } from "../model/generation-config.ts";

export interface EndpointOptions {
  /** Such as `http://127.0.0.1:8000/v1`. */
  readonly url: string;
  /** The `model` of each request. */
  readonly model: string;
  readonly timeoutMs: number;
  /** Further attempts after a failed one. */
  readonly retries: number;
  /** First of the pauses between attempts, 500 by default; each is twice the one before. */
  readonly pauseMs?: number;
  readonly signal: AbortSignal;
}

const logprobs = z.object({
  text_offset: z.array(z.number()),
  token_logprobs: z.array(z.number().nullable()),
  top_logprobs: z.array(z.record(z.string(), z.number()).nullable()).nullish(),
});

const schema = z.object({
  choices: z.array(
    z.object({ index: z.int().default(0), text: z.string(), logprobs: logprobs.nullish() }),
  ),
});

type Completion = z.infer<typeof schema>["choices"][number];

const PAUSE_MS = 500;
/** How often a server that starts is looked at. */
const LOOK_MS = 250;
/** How long one look may take. */
const LOOK_TIMEOUT_MS = 2000;
/** Of a refusal, this much is told. */
const SHOWN_CHARACTERS = 500;

/**
 * What the endpoint's model says to an item.
 * @throws TsmergeError `data` when it fails in all attempts, or answers without the log-probabilities asked for;
 * `usage` for an item that cannot be asked of an endpoint; `interrupted` when the signal aborted
 */
export async function endpointAnswer(item: Item, options: EndpointOptions): Promise<Answer> {
  const { judgement, context, contexts, continuations, task } = item;
  switch (judgement?.kind) {
    case "generation": {
      const { until, maxTokens, shape = {} } = judgement.rule.stop;
      if (!isNeutral(shape)) {
        const keys = SHAPE_KEYS.filter((key) => judgement.rule.options[key] != null);
        throw new TsmergeError(
          "usage",
          `${task} sets ${keys.join(", ")}, which no endpoint knows`,
          {
            where: judgement.rule.file,
            hint: "remove it from generation_kwargs, or score the task here",
          },
        );
      }
      const [completion] = await complete(options, {
        ...{ prompt: [context], max_tokens: maxTokens, stop: until, temperature: 0 },
      });
      if (completion === undefined) {
        throw new TsmergeError("data", `${options.url}/completions answered without a completion`, {
          hint: "check the server's own messages",
        });
      }
      const text = until.reduce((left, stop) => left.split(stop)[0]!, completion.text);
      return { logLikelihoods: [], greedy: [], texts: [text] };
    }
    case "rolling":
      throw new TsmergeError("usage", `${task} cannot be asked of an endpoint`, {
        hint: "choose a multiple-choice task, or measure it with a program of yours: command:",
      });
    default: {
      const prompts = continuations.map((text, choice) => {
        return { context: contexts?.[choice] ?? context, text };
      });
      const completions = await complete(options, {
        prompt: prompts.map((prompt) => prompt.context + prompt.text),
        // one token more than is needed: some servers refuse none
        ...{ max_tokens: 1, echo: true, logprobs: 1, temperature: 0 },
      });
      const sums = prompts.map((prompt, choice) => {
        const own = completions.find(({ index }) => index === choice);
        return continuationOf(own, prompt, options.url);
      });
      // of a single continuation the score is whether it is the likeliest
      if (sums.length === 1 && sums[0]!.isGreedy === undefined) {
        throw new TsmergeError("data", `${options.url}/completions gives no top_logprobs`, {
          hint: `${task} asks whether its continuation is the likeliest: choose a server that tells, or a multiple-choice task`,
        });
      }
      return {
        logLikelihoods: sums.map(({ sum }) => sum),
        greedy: sums.map(({ isGreedy }) => isGreedy === true),
        texts: [],
      };
    }
  }
}

/**
 * Σ log p of the tokens that reach into the continuation; offsets count code points of prompt and completion. Whether
 * each is the likeliest is undefined where the server does not name the likeliest.
 */
function continuationOf(
  completion: Completion | undefined,
  prompt: { readonly context: string; readonly text: string },
  url: string,
): { sum: number; isGreedy: boolean | undefined } {
  const given = completion?.logprobs;
  if (given === undefined || given === null) throw withoutLogprobs(url);
  const { text_offset: offsets, token_logprobs: values, top_logprobs: tops } = given;
  const from = codePoints(prompt.context);
  const to = from + codePoints(prompt.text);
  let sum = 0;
  let isGreedy: boolean | undefined = true;
  let count = 0;
  for (const [index, offset] of offsets.entries()) {
    const end = offsets[index + 1] ?? to + 1;
    if (end <= from || offset >= to) continue;
    const value = values[index];
    if (value === undefined || value === null) throw withoutLogprobs(url);
    sum += value;
    count++;
    const top = Object.values(tops?.[index] ?? {});
    if (top.length === 0) isGreedy &&= undefined;
    else if (Math.max(...top) > value) isGreedy = false;
  }
  if (count === 0) throw withoutLogprobs(url);
  return { sum, isGreedy };
}

function withoutLogprobs(url: string): TsmergeError {
  return new TsmergeError("data", `${url}/completions gives no log-probabilities of the prompt`, {
    hint: "the server has to support echo and logprobs together, as vLLM does",
  });
}

async function complete(options: EndpointOptions, body: object): Promise<Completion[]> {
  const { url, model, retries, pauseMs = PAUSE_MS, signal } = options;
  for (let attempt = 0; ; attempt++) {
    const outcome = await attemptOnce(`${url}/completions`, { model, ...body }, options);
    if (Array.isArray(outcome)) return outcome;
    if (signal.aborted) {
      throw new TsmergeError("interrupted", "stopped before the endpoint had answered", {
        hint: "run the same command again: it continues where it was",
      });
    }
    if (!outcome.again || attempt >= retries) {
      throw new TsmergeError("data", `${url}/completions ${outcome.problem}`, {
        hint: "check the server's own messages, or raise timeout or retries",
      });
    }
    await sleep(pauseMs * 2 ** attempt, undefined, { signal }).catch(() => undefined); // aborted: told above
  }
}

interface Failure {
  readonly problem: string;
  /** Another attempt may go better. */
  readonly again: boolean;
}

async function attemptOnce(
  address: string,
  body: object,
  { timeoutMs, signal }: EndpointOptions,
): Promise<Completion[] | Failure> {
  let text: string;
  try {
    const response = await fetch(address, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    text = await response.text();
    if (!response.ok) {
      const again = response.status === 429 || response.status >= 500;
      return { problem: `answered ${response.status}: ${text.slice(0, SHOWN_CHARACTERS)}`, again };
    }
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const reason = cause instanceof Error ? cause.message : String(cause);
    return { problem: `gave no answer: ${reason}`, again: true };
  }
  const parsed = schema.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data.choices;
  return {
    problem: `answered something else than completions: ${text.slice(0, SHOWN_CHARACTERS)}`,
    again: false,
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // told by the caller as an answer of another kind
  }
}

/**
 * Waits until the endpoint answers at all.
 * @param isAlive false when waiting has become pointless
 */
export async function endpointReady(
  url: string,
  {
    timeoutMs,
    signal,
    isAlive,
  }: {
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
    readonly isAlive: () => boolean;
  },
): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  while (performance.now() < end && isAlive() && !signal.aborted) {
    const isReady = await fetch(`${url}/models`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(LOOK_TIMEOUT_MS)]),
    }).then(
      (response) => response.ok,
      () => false, // not listening yet
    );
    if (isReady) return true;
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined); // aborted: the loop ends
  }
  return false;
}
