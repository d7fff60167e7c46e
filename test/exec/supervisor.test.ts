// Real processes that really die.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { supervise } from "../../src/exec/supervisor.ts";

const script = fileURLToPath(new URL("./mortal.ts", import.meta.url));
const main = fileURLToPath(new URL("./supervise-main.ts", import.meta.url));
const folders: string[] = [];

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "tsmerge-supervisor-"));
  folders.push(made);
  return made;
}

function notes(of: string): string[] {
  const file = join(of, "lives.txt");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}

async function until(claim: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !claim(); i++) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(claim(), "waited ten seconds in vain");
}

after(() => {
  for (const made of folders) rmSync(made, { recursive: true, force: true });
});

test("a crash is followed by a new life that knows how the last one ended", async () => {
  const work = folder();
  const restarts: string[] = [];
  const code = await supervise({
    script,
    argv: [work, "SIGABRT", "SIGKILL", "exit:0"],
    environment: process.env,
    onRestart: (death) => restarts.push(death),
  });
  assert.equal(code, 0);
  assert.deepEqual(notes(work), ["first", "SIGABRT", "SIGKILL"]);
  assert.deepEqual(restarts, ["SIGABRT", "SIGKILL"]);
});

test("an exit code is the process's own word and is passed on", async () => {
  assert.equal(
    await supervise({ script, argv: [folder(), "exit:2"], environment: process.env }),
    2,
  );
});

test("three deaths in a row without progress are enough", async () => {
  const work = folder();
  await assert.rejects(
    supervise({
      script,
      argv: [work, "SIGABRT", "+SIGABRT", "SIGABRT", "SIGABRT", "exit:0"],
      environment: process.env,
    }),
    /died 3 times in a row without finishing anything, the last time by SIGABRT/,
  );
  assert.equal(notes(work).length, 4);
});

/** Starts a supervisor whose child waits; returns it and the child's process id. */
async function waiting(work: string): Promise<{ supervisor: ChildProcess; pid: number }> {
  const argv = [...process.execArgv, main, script, work, "wait"];
  const supervisor = spawn(process.execPath, argv, { stdio: "ignore" });
  await until(() => notes(work).length === 2);
  return { supervisor, pid: Number(notes(work)[1]!.replace("waiting ", "")) };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // no such process
  }
}

test("Ctrl-C once lets the process finish", async () => {
  const work = folder();
  const { supervisor } = await waiting(work);
  supervisor.kill("SIGINT");
  const code = await new Promise((resolve) => supervisor.on("exit", resolve));
  assert.equal(code, 130);
  assert.equal(notes(work).at(-1), "stopped");
});

test("a supervisor that is killed takes the process with it", async () => {
  const work = folder();
  const { supervisor, pid } = await waiting(work);
  assert.equal(isAlive(pid), true);
  supervisor.kill("SIGKILL");
  await until(() => !isAlive(pid));
  assert.equal(notes(work).includes("stopped"), false);
});
