import assert from "node:assert/strict";
import { test } from "node:test";
import { STRATEGIES, strategyNamed } from "../../src/search/strategies/registry.ts";

test("a strategy is found by its name, and a slip or a published name leads to it", () => {
  for (const strategy of STRATEGIES) assert.equal(strategyNamed(strategy.name), strategy);
  assert.throws(() => strategyNamed("cmeas"), { code: "usage", message: /did you mean "cmaes"/ });
  assert.throws(() => strategyNamed("bipop"), { message: /did you mean "cmaes-bipop"/ });
  assert.throws(() => strategyNamed("annealing"), { message: /"annealing"$/ });
});
