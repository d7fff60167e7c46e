#!/usr/bin/env node
// `tsmerge-yaml CONFIG OUT` is `tsmerge merge CONFIG OUT`, as mergekit-yaml is called.

import { mergeCommand } from "./commands/merge.ts";
import { runProgram } from "./program.ts";

await runProgram(mergeCommand("tsmerge-yaml"));
