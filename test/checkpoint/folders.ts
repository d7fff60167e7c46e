// Model folders for tests: made in a temporary place, removed when the test ends.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { layOut, type TensorSpec } from "../../src/checkpoint/layout.ts";

/** A new empty folder. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "tsmerge-checkpoint-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A new folder with an empty config.json and the files given. */
export function folderWith(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>) {
  const folder = temporaryFolder(t);
  for (const [name, content] of Object.entries({ "config.json": "{}", ...files })) {
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** The n-th byte of a tensor in these tests. */
export function byteAt(name: string, index: number): number {
  return (index * 31 + name.charCodeAt(name.length - 1)) % 256;
}

/** A tensor's bytes in these tests. */
export function bytesOf(name: string, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => byteAt(name, index));
}

/** A safetensors file of these tensors. */
export function safetensors(...specs: TensorSpec[]): Uint8Array {
  const { header, tensors, fileBytes } = layOut(specs, { format: "pt" });
  const file = new Uint8Array(fileBytes);
  file.set(header);
  for (const { name, byteLength, fileOffset } of tensors) {
    file.set(bytesOf(name, byteLength), fileOffset);
  }
  return file;
}

/** A float32 vector. */
export function vector(name: string, length = 4): TensorSpec {
  return { name, dtype: "float32", shape: [length] };
}
