// Questions as data, between task definitions (which make them), the trie (which schedules them) and
// metrics (which score them).

/** One multiple-choice question with its prompt rendered. */
export interface Item {
  /** Leaf task, such as `mmlu_anatomy`. */
  readonly task: string;
  /** Row in the task's evaluated split. */
  readonly docId: number;
  /** SHA-256 of the question's text: what splits and stores are keyed by. */
  readonly hash: string;
  /** Prompt, few-shot examples included; ends without the target delimiter. */
  readonly context: string;
  /** Each choice as it is appended to the context, delimiter included. */
  readonly continuations: readonly string[];
  /** Each choice's bare text: its code points are acc_norm's divisor. */
  readonly choices: readonly string[];
  /** Index of the right choice; -1 when it is out of range (never correct). */
  readonly gold: number;
}

/** One item's outcome. */
export interface ItemScore {
  readonly task: string;
  readonly docId: number;
  readonly hash: string;
  /** Σ log p of each continuation. */
  readonly logLikelihoods: readonly number[];
  /** 1 or 0: the most likely choice is the right one. */
  readonly acc: number;
  /** The same with log-likelihoods divided by the choice's code points. */
  readonly accNorm: number;
  /** log of the gold choice's probability, renormalised over the choices: smooth, at most 0. */
  readonly logprob: number;
}
