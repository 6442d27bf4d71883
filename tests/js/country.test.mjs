import assert from "node:assert/strict";
import { test } from "node:test";

import { countryName } from "../../frontend/static/js/country.js";

test("a country is told by its name, and what is none stays as it is", () => {
  assert.equal(countryName("DE"), "Germany");
  assert.equal(countryName("Atlantis"), "Atlantis");
  assert.equal(countryName(""), "");
});
