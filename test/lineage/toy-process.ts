// Runs the toy search on the database named on the command line and reports each commit on stdout,
// synchronously, so that a reader never learns of a commit that did not happen.

import { writeSync } from "node:fs";
import { openLineage } from "../../src/lineage/lineage.ts";
import { search } from "./toy.ts";

const lineage = openLineage(process.argv[2]!);
search(lineage, (transition) => writeSync(1, `${transition}\n`));
lineage.close();
