// The rooms of the house, top to bottom: a file may import from its own room and from rooms below it.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { test } from "node:test";

const ROOMS = [
  "cli",
  "report",
  "run",
  "exec",
  "lineage",
  "search",
  "recipe",
  "evals",
  "merge",
  "model",
  "kernel",
  "ort",
  "onnx",
  "checkpoint",
  "hub",
  "base",
];

/** A package or global that only one room may touch. */
const OWNERS: Record<string, string> = {
  "onnxruntime-node": "ort",
  "onnx-buf": "onnx",
  "better-sqlite3": "lineage",
  piscina: "exec",
  commander: "cli",
  "log-update": "cli",
  undici: "hub",
};

const source = resolve(import.meta.dirname, "../src");
const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((file) =>
  file.endsWith(".ts"),
);

function importsOf(file: string): string[] {
  const text = readFileSync(join(source, file), "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1]!);
}

function roomOf(file: string): string {
  return file.split("/")[0]!;
}

test("every file stands in a room", () => {
  const strays = files.filter((file) => !ROOMS.includes(roomOf(file)));
  assert.deepEqual(strays, []);
});

test("imports point down only", () => {
  const upward: string[] = [];
  for (const file of files) {
    for (const specifier of importsOf(file).filter((name) => name.startsWith("."))) {
      const target = relative(source, resolve(source, file, "..", specifier));
      if (ROOMS.indexOf(roomOf(target)) < ROOMS.indexOf(roomOf(file))) {
        upward.push(`${file} -> ${target}`);
      }
    }
  }
  assert.deepEqual(upward, []);
});

test("a guarded package is imported in its own room only", () => {
  const wrong: string[] = [];
  for (const file of files) {
    for (const specifier of importsOf(file)) {
      const owner = OWNERS[specifier];
      if (owner !== undefined && owner !== roomOf(file)) wrong.push(`${file} imports ${specifier}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("no file grows past 400 lines", () => {
  const long = files
    .map((file) => `${file}: ${readFileSync(join(source, file), "utf8").split("\n").length}`)
    .filter((entry) => Number(entry.split(": ")[1]) > 400);
  assert.deepEqual(long, []);
});
