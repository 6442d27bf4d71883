import assert from "node:assert/strict";
import { test } from "node:test";

import { printOf, Unfinished } from "../../frontend/static/js/unfinished.js";

class Storage {
  kept = {};
  getItem = (name) => this.kept[name] ?? null;
  setItem = (name, value) => (this.kept[name] = value);
}

const entry = { id: "1", url: "/u/1", name: "a.csv", size: 10, print: "ff" };

test("the same file is found again, another is not", () => {
  const unfinished = new Unfinished(new Storage(), () => 1000);
  unfinished.remember(entry);
  assert.equal(unfinished.find({ size: 10, print: "ff" }).id, "1");
  assert.equal(unfinished.find({ size: 11, print: "ff" }), undefined);
  assert.equal(unfinished.find({ size: 10, print: "fe" }), undefined);
  assert.equal(unfinished.of("1").name, "a.csv");
});

test("what is received is forgotten, and what is older than a day has ended", () => {
  let now = 1000;
  const unfinished = new Unfinished(new Storage(), () => now);
  unfinished.remember(entry);
  unfinished.remember({ ...entry, id: "2" });
  unfinished.forget("1");
  assert.deepEqual(unfinished.all().map(({ id }) => id), ["2"]);
  now += 86_401;
  assert.deepEqual(unfinished.all(), []);
});

test("a closed or foreign storage only means that nothing is remembered", () => {
  const closed = { getItem: () => { throw new Error("closed"); }, setItem: () => { throw new Error("closed"); } };
  const unfinished = new Unfinished(closed, () => 0);
  unfinished.remember(entry);
  assert.deepEqual(unfinished.all(), []);
  const foreign = new Storage();
  foreign.kept["addressbus.unfinished"] = "{{{";
  assert.deepEqual(new Unfinished(foreign, () => 0).all(), []);
});

test("a print depends on the size and on the beginning", async () => {
  const head = new TextEncoder().encode("name,mail\n").buffer;
  const print = await printOf(10, head);
  assert.match(print, /^[0-9a-f]{64}$/);
  assert.notEqual(print, await printOf(11, head));
  assert.notEqual(print, await printOf(10, new TextEncoder().encode("name;mail\n").buffer));
  assert.equal(await printOf(10, head, null), null);
});
