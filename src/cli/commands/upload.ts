// `tsmerge upload FOLDER org/name`: a merged model to the Hugging Face hub, with its card.

import { Command } from "commander";
import { TsmergeError } from "../../base/errors.ts";
import { stopSignal } from "../../exec/stop-signal.ts";
import { hubAccess } from "../hub-access.ts";
import { jsonOption, quietOption } from "../options.ts";
import { openStatus } from "../status.ts";

interface UploadFlags {
  readonly private?: boolean;
  readonly revision?: string;
  readonly message: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function uploadCommand(): Command {
  return new Command("upload")
    .description("send a model folder to the Hugging Face hub, as one commit")
    .argument("<folder>", "what tsmerge merge wrote")
    .argument("<name>", "org/name; made where it is not there")
    .option("--private", "make it for yourself and your organisation alone")
    .option("--revision <branch>", "branch to commit to (main)")
    .option("--message <text>", "the commit's message", "Upload a merge made with tsmerge")
    .addOption(jsonOption())
    .addOption(quietOption())
    .action(upload);
}

async function upload(folder: string, name: string, flags: UploadFlags): Promise<void> {
  // kept out of --help's start-up time
  const { parseRepository } = await import("../../hub/repository.ts");
  const { uploadFolder } = await import("../../hub/upload.ts");
  const written = flags.revision === undefined ? name : `${name}@${flags.revision}`;
  const repository = parseRepository(written);
  if (repository === undefined || !repository.name.includes("/")) {
    throw new TsmergeError("usage", `"${written}" is not the name of a repository`, {
      hint: "write org/name, or your-name/name",
    });
  }
  const status = await openStatus(flags.quiet === true || flags.json === true);
  try {
    const options = { isPrivate: flags.private === true, title: flags.message };
    const sent = await uploadFolder(folder, repository, options, hubAccess(status, stopSignal()));
    status.close();
    process.stdout.write(
      flags.json === true
        ? `${JSON.stringify({ schemaVersion: 1, ...sent })}\n`
        : `${sent.url}: ${sent.files} files, commit ${sent.commit}\n`,
    );
  } finally {
    status.close();
  }
}
