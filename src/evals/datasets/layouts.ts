// Which local files are which benchmark: the layouts in which data sets were first published, by the names
// that lm-evaluation-harness's task files give them (dataset_path and dataset_name). A table; read.ts reads.

import { parseQuestions } from "./question-csv.ts";
import { parseJson, parseRows, type Row } from "./records.ts";
import {
  arcRow,
  boolqRow,
  ifevalRows,
  lambadaRow,
  parseBbhPrompt,
  piqaRow,
  truthfulRow,
  wikiPages,
  withLabels,
} from "./shapes.ts";

/** A file's text and where it lay. */
export interface SourceText {
  readonly text: string;
  readonly path: string;
}

/** One split as files. */
export interface Source {
  /** Names under the layout's folder, any of which will do; the first found is read. */
  readonly names: readonly string[];
  /** Rows the split has, or by a word in the file's name where several releases are known. */
  readonly rows: number;
  readonly rowsOf?: Readonly<Record<string, number>>;
  /** A second file that the rows need. */
  readonly beside?: (path: string) => string | undefined;
  readonly rowsFrom?: (file: SourceText, beside: SourceText | undefined) => Row[];
}

export interface Layout {
  /** Folder under --data. */
  readonly folder: string;
  /** Where these files come from, for messages: a repository, or a command that fetches it. */
  readonly origin: string;
  /** True where the hub's copies lack columns that tasks need. */
  readonly isLocalOnly?: boolean;
  /** Splits by their names in task files. */
  readonly splits: Readonly<Record<string, Source>>;
}

type LayoutOf = (name: string) => Layout | undefined;

const jsonl = (stem: string): string[] =>
  [stem, `${stem}.derived`].flatMap((each) => [`${each}.jsonl`, `${each}.jsonl.gz`]);

const each =
  (adapt: (row: Row, where: string) => Row) =>
  ({ text, path }: SourceText): Row[] =>
    parseRows(text, path).map((row) => adapt(row, path));

function arc(name: string): Layout | undefined {
  const counts = { "ARC-Easy": [2251, 570, 2376], "ARC-Challenge": [1119, 299, 1172] }[name];
  if (counts === undefined) return undefined;
  const split = (part: string, rows: number): Source => ({
    names: jsonl(`${name}-${part}`),
    rows,
    rowsFrom: each(arcRow),
  });
  const [train = 0, dev = 0, test = 0] = counts;
  return {
    folder: "arc",
    origin: "AI2's ARC-V1-Feb2018 archive",
    splits: {
      train: split("Train", train),
      validation: split("Dev", dev),
      test: split("Test", test),
    },
  };
}

const HELLASWAG: Layout = {
  folder: "hellaswag",
  origin: "github.com/rowanz/hellaswag, data/",
  splits: {
    train: { names: jsonl("hellaswag_train"), rows: 39905 },
    validation: {
      names: [...jsonl("hellaswag_val"), ...jsonl("hellaswag_val_subset1000")],
      rows: 10042,
      rowsOf: { subset1000: 1000 },
    },
  },
};

const WINOGRANDE: Layout = {
  folder: "winogrande",
  origin: "AI2's winogrande archive as JSON lines",
  splits: {
    train: { names: jsonl("winogrande_xl_train"), rows: 40398 },
    validation: { names: jsonl("winogrande_xl_validation"), rows: 1267 },
  },
};

const PIQA: Layout = {
  folder: "piqa",
  origin: "yonatanbisk.com/piqa/data",
  splits: {
    train: piqa(["train.jsonl", ...jsonl("piqa_train")], 16113),
    validation: piqa(["dev.jsonl", ...jsonl("piqa_validation")], 1838),
  },
};

function piqa(names: readonly string[], rows: number): Source {
  return {
    names,
    rows,
    beside: (path) =>
      /(?:train|dev)\.jsonl$/.test(path) ? path.replace(/\.jsonl$/, "-labels.lst") : undefined,
    rowsFrom: ({ text, path }, labels) => {
      const questions = parseRows(text, path).map(piqaRow);
      return labels === undefined ? questions : withLabels(questions, labels.text, labels.path);
    },
  };
}

const BOOLQ: Layout = {
  folder: "boolq",
  origin: "SuperGLUE's BoolQ archive",
  splits: {
    train: { names: ["train.jsonl"], rows: 9427, rowsFrom: each(boolqRow) },
    validation: { names: ["val.jsonl"], rows: 3270, rowsFrom: each(boolqRow) },
  },
};

const OPENBOOKQA: Layout = {
  folder: "openbookqa",
  origin: "AI2's OpenBookQA as JSON lines",
  splits: {
    train: { names: jsonl("openbookqa_main_train"), rows: 4957 },
    validation: { names: jsonl("openbookqa_main_validation"), rows: 500 },
    test: { names: jsonl("openbookqa_main_test"), rows: 500 },
  },
};

const TRUTHFULQA: Layout = {
  folder: "truthfulqa",
  origin: "github.com/sylinrl/TruthfulQA, data/v0/mc_task.json",
  splits: {
    validation: { names: ["mc_task.json"], rows: 817, rowsFrom: each(truthfulRow) },
  },
};

const GSM8K: Layout = {
  folder: "gsm8k",
  origin: "github.com/openai/grade-school-math, grade_school_math/data/",
  splits: {
    train: { names: ["train.jsonl"], rows: 7473 },
    test: { names: ["test.jsonl"], rows: 1319 },
  },
};

const WIKITEXT: Layout = {
  folder: "wikitext-2",
  origin: "the wikitext-2-raw-v1 archive",
  splits: {
    test: { names: ["wiki.test.raw"], rows: 62, rowsFrom: ({ text }) => wikiPages(text) },
  },
};

const LAMBADA: Layout = {
  folder: "lambada",
  origin: "OpenAI's lambada_test",
  splits: {
    test: { names: ["lambada_openai.jsonl"], rows: 5153, rowsFrom: each(lambadaRow) },
  },
};

const IFEVAL: Layout = {
  folder: "ifeval",
  origin: "github.com/google-research, instruction_following_eval/data/",
  splits: {
    train: {
      names: ["input_data.jsonl"],
      rows: 541,
      rowsFrom: ({ text, path }) => ifevalRows(parseRows(text, path)),
    },
  },
};

const HUMANEVAL: Layout = {
  folder: "humaneval",
  origin: "github.com/openai/human-eval, data/",
  splits: { test: { names: jsonl("HumanEval"), rows: 164 } },
};

/** Examples of the subsets that do not have 250. */
const BBH_ROWS: Readonly<Record<string, number>> = {
  causal_judgement: 187,
  penguins_in_a_table: 146,
  snarks: 178,
};

function bbh(name: string): Layout {
  const prompt = (path: string): string =>
    path.replace(/bbh([/\\])(\w+)\.json$/, "cot-prompts$1$2.txt");
  const examples = [`bbh/${name}.json`];
  return {
    folder: "bbh",
    isLocalOnly: true, // instructions and worked examples are in the authors' repository alone
    origin: "`git clone https://github.com/suzgunmirac/BIG-Bench-Hard DIR/bbh`",
    splits: {
      // each question carries its subset's instruction, out of sight of logs and hashes: it is no column of the hub's
      test: {
        names: examples,
        rows: BBH_ROWS[name] ?? 250,
        beside: prompt,
        rowsFrom: ({ text, path }, cot) => {
          const { examples: list } = parseJson(text, path) as { examples?: readonly Row[] }; // counted by the reader
          const { instruction } = parseBbhPrompt(cot?.text ?? "", cot?.path ?? path);
          return (list ?? []).map((row) =>
            Object.defineProperty({ ...row }, "instruction", { value: instruction }),
          );
        },
      },
      // the worked examples, with their reasoning
      shots: {
        names: [`cot-prompts/${name}.txt`],
        rows: 3,
        rowsFrom: ({ text, path }) => [...parseBbhPrompt(text, path).shots],
      },
    },
  };
}

function mmlu(name: string): Layout {
  const split = (part: string, rows: number): Source => ({
    names: ["", "data/"].map((parent) => `${parent}${part}/${name}_${part}.csv`),
    rows,
    rowsFrom: ({ text, path }) =>
      parseQuestions(text, path).map(({ question, choices, answer }) => {
        return { question, subject: name, choices, answer };
      }),
  });
  // rows differ by subject: the task file says them
  return {
    folder: "mmlu",
    origin: "`curl -O https://people.eecs.berkeley.edu/~hendrycks/data.tar`",
    splits: {
      dev: split("dev", 5),
      validation: split("val", Number.NaN),
      test: split("test", Number.NaN),
    },
  };
}

const only =
  (layout: Layout, ...names: readonly string[]): LayoutOf =>
  (name) =>
    names.includes(name) ? layout : undefined;

/** By dataset_path in lower case. */
const LAYOUTS: Readonly<Record<string, LayoutOf>> = {
  "allenai/ai2_arc": arc,
  ai2_arc: arc,
  "rowan/hellaswag": only(HELLASWAG, ""),
  hellaswag: only(HELLASWAG, ""),
  "allenai/winogrande": only(WINOGRANDE, "winogrande_xl"),
  winogrande: only(WINOGRANDE, "winogrande_xl"),
  "baber/piqa": only(PIQA, ""),
  "ybisk/piqa": only(PIQA, ""),
  piqa: only(PIQA, ""),
  "aps/super_glue": only(BOOLQ, "boolq"),
  super_glue: only(BOOLQ, "boolq"),
  "allenai/openbookqa": only(OPENBOOKQA, "main"),
  openbookqa: only(OPENBOOKQA, "main"),
  "truthfulqa/truthful_qa": only(TRUTHFULQA, "multiple_choice"),
  truthful_qa: only(TRUTHFULQA, "multiple_choice"),
  "openai/gsm8k": only(GSM8K, "main"),
  gsm8k: only(GSM8K, "main"),
  "eleutherai/wikitext_document_level": only(WIKITEXT, "wikitext-2-raw-v1"),
  "eleutherai/lambada_openai": only(LAMBADA, "default", "en", ""),
  "google/ifeval": only(IFEVAL, ""),
  "openai/openai_humaneval": only(HUMANEVAL, ""),
  openai_humaneval: only(HUMANEVAL, ""),
  "lukaemon/bbh": bbh,
  "saylortwift/bbh": bbh,
  "cais/mmlu": mmlu,
  "hails/mmlu_no_train": mmlu,
};

/** The local layout of a data set, if there is one that we know. */
export function layoutOf(path: string, name: string | undefined): Layout | undefined {
  return LAYOUTS[path.toLowerCase()]?.(name ?? "");
}

/** dataset_paths that have a local layout. */
export const KNOWN_DATASETS: readonly string[] = Object.keys(LAYOUTS);
