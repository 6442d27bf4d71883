import assert from "node:assert/strict";
import { test } from "node:test";

import { choiceOf, columnOf, GROUPS, recut, withChoice, withKind, wordOf } from "../../frontend/static/js/plan.js";

const plan = {
  version: 1,
  signature: "9f",
  dialect: { delimiter: ",", quote: '"', escape: "doubled" },
  columns: [
    { index: 0, header: "Name", field: "name", part: "full" },
    { index: 1, header: "Mail", field: "emails", slot: 1, part: "value", label: "work" },
    { index: 2, header: "Road", field: "addresses", slot: 1, part: "street", label: "home" },
    { index: 3, header: "No.", field: "custom", key: "No." },
  ],
};

test("every column stands for one choice of the list", () => {
  const all = Object.values(GROUPS).flat();
  for (const column of plan.columns) assert.ok(all.includes(choiceOf(column)), choiceOf(column));
  assert.equal(choiceOf(undefined), "none");
  assert.equal(choiceOf({ index: 0, field: "emails", slot: 1 }), "emails.value");
});

test("a second e-mail gets a slot of its own", () => {
  assert.deepEqual(columnOf(withChoice(plan, 3, "emails.value", "No."), 3), {
    index: 3,
    field: "emails",
    header: "No.",
    part: "value",
    slot: 2,
  });
});

test("the parts of an address come together, with one kind", () => {
  const column = columnOf(withChoice(plan, 3, "addresses.city", "No."), 3);
  assert.deepEqual([column.slot, column.part, column.label], [1, "city", "home"]);
});

test("an extra field needs a key, also where there is no header", () => {
  assert.equal(columnOf(withChoice(plan, 0, "custom", "Name"), 0).key, "Name");
  assert.equal(columnOf(withChoice(plan, 0, "custom", null), 0).key, "Column 1");
  assert.equal("key" in columnOf(withChoice(plan, 3, "none", "No."), 3), false);
});

test("plain fields have neither part nor slot, as the server demands", () => {
  assert.deepEqual(columnOf(withChoice(plan, 1, "given", "Mail"), 1), { index: 1, field: "given", header: "Mail" });
});

test("a kind belongs to the whole slot", () => {
  const changed = withKind(withChoice(plan, 3, "addresses.city", "No."), 3, "work");
  assert.deepEqual([columnOf(changed, 2).label, columnOf(changed, 3).label], ["work", "work"]);
  assert.equal("label" in columnOf(withKind(plan, 1, ""), 1), false);
});

test("cutting the file anew forgets its columns and nothing else", () => {
  const anew = recut(plan, { header: 0 });
  assert.deepEqual(Object.keys(anew).sort(), ["dialect", "header", "version"]);
});

test("a plan is never changed in place", () => {
  const before = structuredClone(plan);
  withKind(withChoice(plan, 2, "emails.value", "Road"), 2, "home");
  assert.deepEqual(plan, before);
});

test("every choice has a word", async () => {
  const { readFile } = await import("node:fs/promises");
  const words = JSON.parse(await readFile(new URL("../../frontend/words/en.json", import.meta.url), "utf8"));
  for (const choice of Object.values(GROUPS).flat()) {
    if (choice !== "custom" && choice !== "none") assert.ok(words.field[wordOf(choice)], choice);
  }
});
