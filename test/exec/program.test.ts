// Programs of the user's: what they print, how they fail, and that nothing of them is left.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { filled, runProgram, startProgram } from "../../src/exec/program.ts";

const signal = new AbortController().signal;
const node = (script: string): string[] => [process.execPath, "-e", script];

test("a list of words gets its values as they are, a line for the shell gets them quoted", async () => {
  const values = { model: "it's a $HOME" };
  assert.deepEqual(filled(["a", "--m={model}", "{other}"], values), [
    "a",
    "--m=it's a $HOME",
    "{other}",
  ]);
  const printed = await runProgram(filled("echo {model}", values), { timeoutMs: 5000, signal });
  assert.equal(printed, "it's a $HOME\n");
});

test("a program that fails is told with its code and the end of its stderr", async () => {
  const script = node('console.error("x".repeat(5000) + "the reason"); process.exit(3)');
  await assert.rejects(runProgram(script, { timeoutMs: 5000, signal }), (error: Error) => {
    assert.match(error.message, /ended with code 3; the end of its stderr:\nx+the reason$/);
    return error.message.length < 2300;
  });
  const missing = runProgram(["/no/such/program"], { timeoutMs: 5000, signal });
  await assert.rejects(missing, /ended with the error ".*ENOENT/);
});

test("characters that come in two pieces are put together", async () => {
  const script = `const bytes = Buffer.from("naïve 答え");
let at = 0;
const next = () => at < bytes.length && process.stdout.write(bytes.subarray(at, ++at), () => setTimeout(next, 10));
next();`;
  assert.equal(await runProgram(node(script), { timeoutMs: 5000, signal }), "naïve 答え");
});

test("what a program leaves running in a session of its own is not waited for", async () => {
  const script = node(`const { spawn } = require("child_process");
const left = spawn(process.execPath, ["-e", "setTimeout(() => {}, 8000)"], { detached: true, stdio: "inherit" });
left.unref();
console.log(left.pid);`);
  const started = performance.now();
  const pid = Number(await runProgram(script, { timeoutMs: 20_000, signal }));
  assert.ok(performance.now() - started < 6000);
  process.kill(pid); // throws if it was not there
});

test("a program that prints without end is ended", async () => {
  await assert.rejects(runProgram("yes", { timeoutMs: 60_000, signal }), /printed more than \d+/);
});

test("a program that takes too long is ended with all that it started", async () => {
  const mark = join(mkdtempSync(join(tmpdir(), "tsmerge-program-")), "late");
  const line = `(sleep 1; touch ${mark}) & wait`;
  await assert.rejects(runProgram(line, { timeoutMs: 200, signal }), /longer than 0\.2 seconds/);
  await sleep(1200);
  assert.equal(existsSync(mark), false);
});

test("Ctrl-C ends it, and a server ends when it is asked", async () => {
  const stop = new AbortController();
  const running = runProgram("sleep 20", { timeoutMs: 30_000, signal: stop.signal });
  setTimeout(() => stop.abort(), 100);
  await assert.rejects(running, { code: "interrupted" });
  const server = startProgram("sleep 20");
  await server.stop();
  assert.equal(server.isRunning(), false);
});
