// Options that several commands share, each declared once.

import { Option } from "commander";
import { wholeNumber } from "./values.ts";

export const seedOption = (): Option =>
  new Option("--seed <n>", "random seed (also --random-seed)").argParser(wholeNumber(0));

export const deviceOption = (): Option =>
  new Option("--device <name>", "where to compute (auto is the CPU)")
    .choices(["auto", "cpu", "webgpu", "cuda"])
    .default("auto");

export const jsonOption = (): Option =>
  new Option("--json", "print the result as JSON on stdout and nothing else there");

export const quietOption = (): Option => new Option("-q, --quiet", "no progress and no notes");

export const dataOption = (): Option =>
  new Option(
    "--data <dir>",
    "folder of benchmark data, or its parent (the Hugging Face hub otherwise)",
  ).env("TSMERGE_DATA");

export const systemInstructionOption = (): Option =>
  new Option("--system-instruction <text>", "said before each task's own description");

export const chatTemplateOption = (): Option =>
  new Option("--apply-chat-template [name]", "ask in conversations, in the model's own template");

export const multiturnOption = (): Option =>
  new Option("--fewshot-as-multiturn [bool]", "worked examples as turns of their own (true)");
