// A supervised process that dies on command: argv is a folder for its notes, then one word for each life:
// a signal to die by (`+` in front: after progress), `exit:N`, or `wait` to run until it is asked to stop.

import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { connectSupervisor } from "../../src/exec/supervised.ts";

const [folder, ...lives] = process.argv.slice(2);
const notes = join(folder!, "lives.txt");
const supervision = await connectSupervisor();
appendFileSync(notes, `${supervision.previousDeath ?? "first"}\n`);
const life = lives[readFileSync(notes, "utf8").trim().split("\n").length - 1] ?? "exit:0";

if (life.startsWith("+")) {
  supervision.progress();
  // let the message leave before the process does
  await new Promise((resolve) => setTimeout(resolve, 50));
}
if (life.startsWith("exit:")) process.exit(Number(life.slice("exit:".length)));
if (life === "wait") {
  const alive = setInterval(() => {}, 1000);
  supervision.signal.addEventListener("abort", () => {
    appendFileSync(notes, "stopped\n");
    clearInterval(alive);
    process.exit(130);
  });
  appendFileSync(notes, `waiting ${process.pid}\n`);
} else {
  // "SIGABRT" or "+SIGABRT": the test's own word for a signal
  process.kill(process.pid, life.replace("+", "") as NodeJS.Signals);
}
