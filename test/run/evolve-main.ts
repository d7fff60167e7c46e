// A search in a process of its own, for tests that kill it. Prints each event, and each
// batch, as a line of JSON.
// argv: a JSON object with the options, `worker` (a module), `extra` (for that module) and `silent`.

import { LocalExecutor } from "../../src/exec/local.ts";
import { connectSupervisor } from "../../src/exec/supervised.ts";
import { evolve } from "../../src/run/evolve/evolve.ts";

const { worker, extra, silent, ...options } = JSON.parse(process.argv[2]!);
const supervision = await connectSupervisor();
const say = (line: string): void => {
  if (silent !== true) process.stdout.write(`${line}\n`);
};
await evolve(
  { device: "cpu", environment: {}, ...options },
  {
    signal: supervision.signal,
    previousDeath: supervision.previousDeath,
    onEvent: (event) => {
      if (event.type === "scored" || event.type === "failed") supervision.progress();
      say(JSON.stringify(event));
    },
    executorFactory: (local) => {
      const executor = new LocalExecutor({
        ...local,
        ...(worker === undefined ? {} : { workerFile: new URL(worker) }),
        extra,
      });
      return {
        slots: executor.slots,
        submit: (job, onBatch, signal) =>
          executor.submit(
            job,
            (report) => {
              onBatch(report);
              say('{"type":"batch"}');
            },
            signal,
          ),
        close: () => executor.close(),
      };
    },
  },
);
