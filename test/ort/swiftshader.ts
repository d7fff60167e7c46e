// WebGPU without a GPU: Debian's chromium-common brings a software Vulkan device. It must be in the
// environment before the process starts, so each WebGPU test runs a script in a process of its own.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";

const FOLDER = "/usr/lib/chromium";
const ICD = `${FOLDER}/vk_swiftshader_icd.json`;

/** False, or why WebGPU tests are skipped. */
export const skipWebGpu = existsSync(ICD) ? false : `no Vulkan ICD: ${ICD} does not exist`;

export const swiftshaderEnvironment: NodeJS.ProcessEnv = {
  ...process.env,
  VK_ICD_FILENAMES: ICD,
  LD_LIBRARY_PATH: [FOLDER, process.env.LD_LIBRARY_PATH ?? ""].join(":"),
};

/** Runs a TypeScript file there and returns what it printed; rejects if it fails or dies. */
export async function runOnSwiftshader(file: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", file], {
    env: swiftshaderEnvironment,
  });
  return stdout;
}
