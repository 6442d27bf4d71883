import assert from "node:assert/strict";
import { test } from "node:test";

import { Pace } from "../../frontend/static/js/pace.js";

const paced = (marks) => {
  const pace = new Pace();
  for (const [at, value] of marks) pace.add(at, value);
  return pace;
};

test("nothing is claimed before enough was seen", () => {
  assert.equal(paced([]).rate, null);
  assert.equal(paced([[0, 0], [1, 500]]).rate, null);
  assert.equal(paced([[0, 0], [1, 500]]).left(1000), null);
});

test("the rate is that of the last seconds", () => {
  const pace = paced([[0, 0], [4, 300], [10, 900], [12, 1100]]);
  assert.equal(pace.rate, 100);
  assert.equal(pace.left(2100), 10);
});

test("what lies long ago is forgotten", () => {
  assert.equal(paced([[0, 0], [100, 10], [101, 1010], [103, 3010]]).rate, 1000);
});

test("older and smaller values are ignored, as repeats of states may bring them", () => {
  assert.equal(paced([[0, 0], [2, 200], [1, 100], [3, 150]]).rate, 100);
});

test("standing still has no end in sight", () => {
  assert.equal(paced([[0, 5], [3, 5]]).left(10), null);
});
