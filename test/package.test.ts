// The dependencies are a decision each: listed here with its reason, explained in docs/dependencies.md,
// imported by the source, and nothing is imported that is not listed.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";

/** Runtime dependencies and what each is for. Adding one means a line here and a row in docs/dependencies.md. */
const ALLOWED: Readonly<Record<string, string>> = {
  "@bufbuild/protobuf": "serialises the messages of onnx-buf, which does not export how",
  "@huggingface/hub": "uploads to the hub",
  "@huggingface/jinja": "renders the templates of task files",
  "@huggingface/tokenizers": "tokenizes as the Rust library does, in plain JavaScript",
  "@petamoriken/float16": "float16 on Node 20, which has no Float16Array",
  "better-sqlite3": "the lineage database: synchronous transactions in-process",
  commander: "parses the command line and writes --help",
  "csv-parse": "reads MMLU's CSV files, quotes and all",
  "fastest-levenshtein": "did-you-mean",
  franc: "the language of a text",
  hyparquet: "reads Parquet, the format of the hub's data sets",
  "hyparquet-compressors": "Parquet's compressions beside Snappy",
  "log-update": "rewrites the progress lines of a terminal",
  "markdown-table": "aligned tables that paste into a README",
  "ml-matrix": "the eigendecomposition in CMA-ES",
  "onnx-buf": "the message types of ONNX graphs",
  "onnxruntime-node": "runs the decoder on CPU and GPU",
  picomatch: "patterns in data sets' cards and in data_files",
  piscina: "the pool of worker threads",
  "pure-rand": "MT19937, for mergekit's masks",
  "simple-statistics": "quantiles and the normal distribution",
  undici: "fetch through proxies, with timeouts",
  "write-file-atomic": "small files that appear whole or not at all",
  yaml: "recipes with line numbers for errors",
  zod: "checks what comes from outside, once, at the edge",
};

const root = resolve(import.meta.dirname, "..");

interface Manifest {
  readonly version: string;
  readonly license: string;
  readonly engines: { readonly node: string };
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
}

const manifest: Manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const runtime = Object.keys(manifest.dependencies).sort();
const development = Object.keys(manifest.devDependencies).sort();

/** Packages that files under a folder import, without subpaths and Node's own. */
function imported(folder: string): Set<string> {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
  const specifiers = files
    .filter((file) => file.endsWith(".ts"))
    .map((file) => readFileSync(join(root, folder, file), "utf8"))
    .flatMap((text) => [
      ...text.matchAll(/^(?:import|.* from) "([^".][^"]*)";$/gm),
      ...text.matchAll(/\bimport\("([^".\n][^"\n]*)"\)/g),
    ])
    .map((match) => match[1]!)
    .filter((specifier) => !specifier.startsWith("node:"));
  return new Set(specifiers.map((name) => name.split("/", name.startsWith("@") ? 2 : 1).join("/")));
}

test("the runtime dependencies are those of the allow-list", () => {
  assert.deepEqual(runtime, Object.keys(ALLOWED).sort());
});

test("the source imports every runtime dependency and nothing else", () => {
  assert.deepEqual([...imported("src")].sort(), runtime);
});

test("docs/dependencies.md has a row for every dependency, and for no other", () => {
  const page = readFileSync(join(root, "docs/dependencies.md"), "utf8");
  const rows = [...page.matchAll(/^\| `([^`]+)` \| `([^`]+)` \|/gm)];
  const documented = Object.fromEntries(rows.map((row) => [row[1], row[2]]));
  assert.deepEqual(documented, { ...manifest.dependencies, ...manifest.devDependencies });
  assert.equal(rows.length, runtime.length + development.length);
});

test("the pins that hold Node 20 stand", () => {
  assert.equal(manifest.engines.node, ">=20.19");
  assert.match(manifest.dependencies["better-sqlite3"]!, /^\^12\./); // 13 crashes on Node 20
  assert.match(manifest.dependencies.commander!, /^\^14\./); // 15 needs Node 22
  assert.match(manifest.dependencies["log-update"]!, /^\^7\./); // 8 needs Node 22
  assert.match(manifest.dependencies.undici!, /^\^7\./); // 8 needs Node 22
  assert.equal(manifest.dependencies["onnx-buf"], "1.20.0-1"); // a prerelease: any other may break
});

test("no install script downloads anything", () => {
  assert.equal(manifest.allowScripts["onnxruntime-node"], false);
});

test("the licence in package.json is the one in LICENSE", () => {
  assert.equal(manifest.license, "Apache-2.0");
  const text = readFileSync(join(root, "LICENSE"), "utf8");
  assert.match(text, /Apache License\s+Version 2\.0, January 2004/);
  assert.match(text, /END OF TERMS AND CONDITIONS/);
});
