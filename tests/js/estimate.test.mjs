import assert from "node:assert/strict";
import { test } from "node:test";

import { estimate, records } from "../../frontend/static/js/estimate.js";

const csv = { format: "csv", header: 1, preamble: 0, dialect: { delimiter: ",", quote: '"', escape: "doubled" } };

test("line ends of every kind count once, and empty lines not at all", () => {
  for (const end of ["\n", "\r", "\r\n"]) {
    assert.deepEqual(records(["a", "b", "", "c", ""].join(end)), { whole: 3, open: false });
  }
});

test("a quoted line end does not end a row", () => {
  assert.deepEqual(records('a,"x\ny"\nb'), { whole: 1, open: true });
  assert.deepEqual(records("it's\nb\n", "'"), { whole: 0, open: true });
  assert.deepEqual(records('5" disk\nb\n', null), { whole: 2, open: false });
});

test("a file that was seen whole is counted exactly", () => {
  const text = "h\n1\n2\n3";
  assert.deepEqual(estimate(text, text.length, text.length, csv), { rows: 3, exact: true });
  assert.deepEqual(estimate("h\n", 2, 2, csv), { rows: 0, exact: true });
});

test("a longer one is estimated from its beginning", () => {
  const head = `h\n${"12345678\n".repeat(99)}`;
  assert.deepEqual(estimate(head, 1000, 10_000, csv), { rows: 999, exact: false });
});

test("people of a vCard file are counted by their first lines", () => {
  const card = "BEGIN:VCARD\r\nFN:A\r\nEND:VCARD\r\n";
  assert.deepEqual(estimate(card + card, 60, 60, { format: "vcard" }), { rows: 2, exact: true });
});

test("entries of a directory are counted by their names", () => {
  const entry = "dn: cn=A\nmail: a@example.com\n\n";
  assert.deepEqual(estimate(entry + entry, 60, 60, { format: "ldif" }), { rows: 2, exact: true });
});
