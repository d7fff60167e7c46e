// Model references: folders first, then the Hugging Face cache, then an error that says where and how.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { cacheRoot } from "../../src/hub/cache.ts";
import { joinLocation } from "../../src/hub/location.ts";
import { resolveModel } from "../../src/hub/reference.ts";

const root = realpathSync(mkdtempSync(join(tmpdir(), "tsmerge-hub-")));
after(() => rmSync(root, { recursive: true }));

const work = join(root, "work");
const recipes = join(root, "recipes");
const cache = join(root, "cache");
const MAIN = "a".repeat(40);
const OLD = "b".repeat(40);

function snapshot(repository: string, commit: string, ...refs: string[]): string {
  const directory = join(cache, repository);
  mkdirSync(join(directory, "snapshots", commit), { recursive: true });
  for (const ref of refs) {
    mkdirSync(join(directory, "refs", ref, ".."), { recursive: true });
    writeFileSync(join(directory, "refs", ref), commit);
  }
  return join(directory, "snapshots", commit);
}

for (const folder of ["work/models/a", "recipes/models/a", "recipes/models/b", "work/org/both"]) {
  mkdirSync(join(root, folder), { recursive: true });
}
writeFileSync(join(work, "file"), "");
const main = snapshot("models--org--name", MAIN, "main", "refs/pr/7");
const old = snapshot("models--org--name", OLD, "v1.0");
snapshot("models--org--both", MAIN, "main");
snapshot("models--org--detached", OLD);
const gpt2 = snapshot("models--gpt2", MAIN, "main");

const environment = { HF_HUB_CACHE: cache, HOME: work, HF_HUB_OFFLINE: "1" };
const options = { searchRoots: [work, recipes], environment };
const find = (reference: string) => resolveModel(reference, options);

test("a relative path is taken from the first root that has it", async () => {
  assert.equal(await find("models/a"), join(work, "models/a"));
  assert.equal(await find("./models/b"), join(recipes, "models/b"));
  assert.equal(await find("~/models/a"), join(work, "models/a"));
  assert.equal(await find(join(recipes, "models/a")), join(recipes, "models/a"));
});

test("a folder wins over the cache, which has branches, tags, pull requests and commits", async () => {
  assert.equal(await find("org/both"), join(work, "org/both"));
  assert.equal(await find("org/name"), main);
  assert.equal(await find("org/name@main"), main);
  assert.equal(await find("org/name@v1.0"), old);
  assert.equal(await find("org/name@refs/pr/7"), main);
  assert.equal(await find(`org/name@${OLD}`), old);
  assert.equal(await find("gpt2"), gpt2);
});

test("a model that is not here says where it was looked for and how to get it", async () => {
  await assert.rejects(find("org/absent"), {
    code: "usage",
    message:
      `model "org/absent" is not at ${join(work, "org/absent")}, ${join(recipes, "org/absent")}, ` +
      `and the model org/absent at main is not in ${join(cache, "models--org--absent")}, and HF_HUB_OFFLINE is set`,
    hint: "unset it, or run `tsmerge download org/absent` where there is a network",
  });
  await assert.rejects(find("org/name@v2"), { hint: /`tsmerge download org\/name@v2`/ });
  await assert.rejects(find("org/detached"), {
    hint: `unset it, or run \`tsmerge download org/detached\` where there is a network, or write org/detached@${OLD}, which is cached`,
  });
});

test("what cannot be a repository is a path only", async () => {
  for (const reference of ["./absent", "/absent", "a/b/c", "org/name@../../x", "a@b@c", "../x"]) {
    await assert.rejects(find(reference), { code: "usage", hint: /^check the path/ }, reference);
  }
  await assert.rejects(find("file"), { message: /file is a file, and a model is a folder$/ });
  await assert.rejects(find(" "), { message: "a model's name is empty" });
});

test("base+adapter is two folders in one location, each found on its own", async () => {
  assert.equal(await find("org/name+gpt2"), joinLocation(main, gpt2));
  assert.equal(await find("org/both+org/name@v1.0"), joinLocation(join(work, "org/both"), old));
  await assert.rejects(find("org/name+org/absent"), { hint: /`tsmerge download org\/absent`/ });
  const model = join(work, "c++/model");
  mkdirSync(model, { recursive: true });
  assert.equal(await find(model), model);
  assert.equal(await find(`${model}+gpt2`), joinLocation(model, gpt2));
  await assert.rejects(find("org/name+a+b"), { message: '"org/name+a+b" names 2 adapters' });
  await assert.rejects(find("org/name+"), { message: "a model's name is empty" });
});

test("the cache's place follows the variables in huggingface_hub's order", () => {
  const all = {
    HF_HUB_CACHE: "/1",
    HUGGINGFACE_HUB_CACHE: "/2",
    HF_HOME: "~/3",
    XDG_CACHE_HOME: "/4",
    HOME: "/home/me",
  };
  const expected = ["/1", "/2", "/home/me/3/hub", "/4/huggingface/hub"];
  const left: Record<string, string> = { ...all };
  for (const [at, name] of Object.keys(all).slice(0, 4).entries()) {
    assert.equal(cacheRoot(left), expected[at]);
    left[name] = "";
  }
  assert.equal(cacheRoot(left), "/home/me/.cache/huggingface/hub");
});
