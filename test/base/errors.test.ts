// Errors as people see them, and as they cross threads.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fromWire, renderError, TsmergeError, toWire } from "../../src/base/errors.ts";
import { hasErrorCode, ioError, systemError } from "../../src/base/io-error.ts";

test("an error reads as place, sentence and cure", () => {
  const error = new TsmergeError("config", "sigma is 0", {
    where: "evolve.yml:4:10",
    hint: "choose a number above 0",
  });
  assert.equal(renderError(error), "evolve.yml:4:10: sigma is 0\n  hint: choose a number above 0");
  assert.equal(renderError(new TsmergeError("config", "sigma is 0")), "sigma is 0");
  assert.equal(renderError("text"), "text");
});

test("an error that crossed a thread is the same to its reader", () => {
  const error = new TsmergeError("numeric", "NaN in layer 3", { where: "run 7", hint: "rerun" });
  const arrived = fromWire(structuredClone(toWire(error)));
  assert.ok(arrived instanceof TsmergeError);
  assert.deepEqual(toWire(arrived), toWire(error));
  assert.equal(arrived.stack, error.stack);
  const foreign = toWire(new RangeError("too long"));
  assert.deepEqual([foreign.code, foreign.message], ["internal", "too long"]);
});

test("a refusal of the file system names the path, the reason and the usual cure", () => {
  const cause = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
  const error = ioError("write", "/out/model.safetensors", cause);
  assert.equal(
    error.message,
    "cannot write /out/model.safetensors: ENOSPC: no space left on device",
  );
  assert.match(error.hint ?? "", /^free some space/);
  assert.equal(error.cause, cause);
  assert.ok(hasErrorCode(cause, "ENOSPC"));
  assert.ok(!hasErrorCode(error, "ENOSPC"));
  assert.equal(ioError("read", "/x", "odd").hint, undefined);
});

test("a refusal that nobody foresaw is a sentence too, and a bug is none", () => {
  const message = "EMFILE: too many open files, open '/x'";
  const cause = Object.assign(new Error(message), { code: "EMFILE", syscall: "open" });
  const error = systemError(cause);
  assert.equal(error?.message, `the system refused: ${message}`);
  assert.match(error.hint ?? "", /ulimit/);
  assert.equal(systemError(new TypeError("x is not a function")), undefined);
});
