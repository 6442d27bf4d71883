import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { initials, title, tone, work } from "../../frontend/static/js/person.js";

// The same cases as tests/unit/test_pages_looks.py: the server and the browser must agree.
const cases = JSON.parse(await readFile(new URL("../people.json", import.meta.url), "utf8"));

for (const { contact, ...expected } of cases) {
  test(`a person looks the same everywhere: ${JSON.stringify(contact)}`, () => {
    const seen = { title: title(contact), initials: initials(contact), tone: tone(contact), work: work(contact) };
    assert.deepEqual(seen, expected);
  });
}
