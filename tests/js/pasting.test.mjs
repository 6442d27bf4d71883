import assert from "node:assert/strict";
import { test } from "node:test";

import { fileOf } from "../../frontend/static/js/pasting.js";

test("pasted rows are a file of UTF-8", async () => {
  const file = fileOf("Name\tE-Mail\nZoë\tz@example.org");
  assert.equal(file.name, "pasted.csv");
  assert.equal(await file.text(), "Name\tE-Mail\nZoë\tz@example.org");
  assert.equal(file.size, 30);
});
