// Runs the toy search on the database named on the command line and reports each commit on stdout,
// synchronously, so that a reader never learns of a commit that did not happen.

import { writeSync } from "node:fs";
import { openLineage } from "../../src/lineage/lineage.ts";
import { search } from "./toy.ts";

/** Time for the reader to kill this process before it is done. */
const PAUSE_MS = 10;

const lineage = openLineage(process.argv[2]!);
const pause = new Int32Array(new SharedArrayBuffer(4));
search(lineage, (transition) => {
  writeSync(1, `${transition}\n`);
  Atomics.wait(pause, 0, 0, PAUSE_MS);
});
lineage.close();
