// The tensors of one merge to files dealt to worker threads, each with its own kernel, parents and tile
// buffers. Bytes never cross threads: each writes its tensors into their places itself. What comes out does
// not depend on the number of threads.

import { Piscina } from "piscina";
import { fromWire, TsmergeError } from "../base/errors.ts";
import type { TensorPlace } from "../checkpoint/writer.ts";
import type { Crew, HireCrew } from "../merge/files/crew.ts";
import { TENSORS_AT_ONCE } from "../merge/files/tiles.ts";
import { type MergePlan, outputsOf } from "../merge/plan.ts";
import type { MergeAnswer, MergeJob, MergeSetup } from "./merge-protocol.ts";

/** merge-worker.ts under tsx, merge-worker.js once built: tsc rewrites imports, not strings. */
const WORKER_FILE = new URL(
  `./merge-worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`,
  import.meta.url,
);
/** How often the bytes computed are looked at. */
const REPORT_MS = 100;

/**
 * A crew of `threads` threads on the CPU. They open when the first tensors are dealt, and tell of what is
 * wrong with the parents then.
 */
export function mergePool(threads: number): HireCrew {
  return async (plan, { masks, onBytes, signal }) => {
    if (masks !== undefined) {
      throw new TsmergeError("internal", "draws in order were dealt to several threads");
    }
    const shared = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
    const setup: MergeSetup = { plan, threads, shared };
    const pool = new Piscina<MergeJob, MergeAnswer>({
      filename: WORKER_FILE.href,
      name: "mergeTensor",
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: TENSORS_AT_ONCE,
      // an idle thread holds its parents open: never let it go
      idleTimeout: Number.POSITIVE_INFINITY,
      // parked threads would not finish their reads and writes
      atomics: "disabled",
      workerData: setup,
    });
    return crewOver(pool, plan, shared, threads, onBytes, signal);
  };
}

function crewOver(
  pool: Piscina<MergeJob, MergeAnswer>,
  plan: MergePlan,
  shared: Int32Array,
  threads: number,
  onBytes: (bytes: number) => void,
  signal: AbortSignal | undefined,
): Crew {
  const stop = () => Atomics.store(shared, 1, 1);
  signal?.addEventListener("abort", stop, { once: true });
  /** What the threads have counted since it was last asked. */
  const report = () => {
    const kibibytes = Atomics.exchange(shared, 0, 0);
    if (kibibytes > 0) onBytes(kibibytes * 1024);
  };
  const timer = setInterval(report, REPORT_MS);
  return {
    inWork: TENSORS_AT_ONCE * threads,
    async merge(index: number, place: TensorPlace) {
      const answer = await pool.run({ index, place }).catch((cause: unknown) => {
        const { name } = outputsOf(plan)[index]!;
        throw new TsmergeError("internal", `the thread that merged ${name} died`, {
          cause,
          hint: "run the same command again, with --num-threads 1 if it happens twice",
        });
      });
      if (answer.ok) return answer.placed;
      throw fromWire(answer.error);
    },
    maskState: () => undefined,
    async close() {
      clearInterval(timer);
      signal?.removeEventListener("abort", stop);
      report();
      await pool.close();
      await pool.destroy();
    },
  };
}
