// The supervisor as a process of its own, so that a test can send it signals.

import { supervise } from "../../src/exec/supervisor.ts";

const [script, ...argv] = process.argv.slice(2);
process.exit(await supervise({ script: script!, argv, environment: process.env }));
