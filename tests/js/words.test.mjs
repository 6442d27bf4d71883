import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";

import { fill } from "../../frontend/static/js/words.js";

const frontend = new URL("../../frontend/", import.meta.url);
const words = JSON.parse(await readFile(new URL("words/en.json", frontend), "utf8"));

test("names are filled in, and the number chooses the form", () => {
  const some = { a: { one: "{n} row", other: "{n} rows" }, b: "by {who}" };
  assert.equal(fill(some, "a", { n: 1 }), "1 row");
  assert.equal(fill(some, "a", { n: 0 }), "0 rows");
  assert.equal(fill(some, "b", { who: "{n}", n: 3 }), "by {n}");
  assert.throws(() => fill(some, "c"), /no words/);
});

test("every sentence that a script says is in the catalogue", async () => {
  const files = await readdir(new URL("static/js/", frontend), { recursive: true });
  for (const file of files.filter((name) => name.endsWith(".js") && !name.startsWith("live"))) {
    const text = await readFile(new URL(`static/js/${file}`, frontend), "utf8");
    for (const [, key] of text.matchAll(/\bsay\("([\w.]+)"/g)) {
      const found = key.split(".").reduce((inner, name) => inner?.[name], words);
      assert.ok(found, `${file} says ${key}`);
    }
  }
});
