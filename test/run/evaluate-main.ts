// An evaluation in a process of its own, for the test that kills it: it ends itself after some batches, as hard
// as a process can. argv: a JSON object with the model, the tasks, the options and `dieAfter`.

import { evaluateModel } from "../../src/run/eval/evaluate.ts";

const { model, tasks, dieAfter, ...options } = JSON.parse(process.argv[2]!);
let clock = 0;
await evaluateModel(model, tasks, {
  ...options,
  now: () => (clock += 1000), // every batch is written at once
  onProgress: (done: number) => {
    if (done === dieAfter) process.kill(process.pid, "SIGKILL");
  },
});
