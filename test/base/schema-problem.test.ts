import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { schemaProblems } from "../../src/base/schema-problem.ts";

test("what zod finds is said in words", () => {
  const schema = z.object({
    kind: z.enum(["a", "b"]),
    count: z.int().positive(),
    name: z.string(),
    list: z.array(z.number()).min(1),
    own: z.string().regex(/x/, "is without an x"),
  });
  const wrong = { kind: "c", count: 0, list: [], own: "y" };
  const { error } = schema.safeParse(wrong);
  assert.equal(
    schemaProblems(error!),
    "kind is not one of a, b; count is not above 0; name is missing; list has fewer than 1 entries; own is without an x",
  );
  assert.equal(schemaProblems(schema.safeParse(3).error!), "the whole is not a mapping");
});
