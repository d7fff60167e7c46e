#!/usr/bin/env node
// `tsmerge-evolve CONFIG` is `tsmerge evolve CONFIG`.

import { evolveCommand } from "./commands/evolve.ts";
import { runProgram } from "./program.ts";

await runProgram(evolveCommand("tsmerge-evolve"));
