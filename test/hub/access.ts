// What a test lends the hub: a cache of its own, removed afterwards, no patience, and a list of what was said.

import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type { HubEvent } from "../../src/hub/settings.ts";
import type { FakeHub } from "./server.ts";

const caches: string[] = [];
after(() => {
  for (const cache of caches) rmSync(cache, { recursive: true });
});

/** Options of resolveModel for a hub; `more` are variables of the environment. */
export function access(hub: FakeHub, more: Readonly<Record<string, string>> = {}) {
  const cache = realpathSync(mkdtempSync(join(tmpdir(), "tsmerge-download-")));
  caches.push(cache);
  const environment = { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: cache, HOME: cache, ...more };
  const events: HubEvent[] = [];
  return {
    searchRoots: [cache],
    environment,
    cache,
    events,
    firstDelayMs: 1,
    onHubEvent: (e: HubEvent) => events.push(e),
  };
}
