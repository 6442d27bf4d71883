import assert from "node:assert/strict";
import { test } from "node:test";

import { offered } from "../../frontend/static/js/check/letters.js";

const western = { encoding: "windows-1252", sample: "Jörg" };
const greek = { encoding: "windows-1253", sample: "Jφrg" };
const mended = { encoding: "utf-8", sample: "Jörg", repair: "utf-8-read-as-latin-1" };

test("ways to read a file keep their places when another one is chosen", () => {
  const first = offered([], [western, greek]);
  assert.deepEqual(first, [western, greek]);
  assert.deepEqual(offered(first, [greek, western, mended]), [western, greek, mended]);
});

test("mended text is another way than the same encoding as it is", () => {
  const plain = { encoding: "utf-8", sample: "JÃ¶rg" };
  assert.deepEqual(offered([plain], [mended, plain]), [plain, mended]);
});
