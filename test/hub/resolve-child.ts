// A process of its own that downloads and prints how far it is, to be killed.

import { resolveModel } from "../../src/hub/reference.ts";

const options = {
  searchRoots: [],
  environment: process.env,
  onHubEvent: (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`),
};
process.stdout.write(`${await resolveModel(process.argv[2]!, options)}\n`);
