import assert from "node:assert/strict";
import { test } from "node:test";

import { Format } from "../../frontend/static/js/format.js";

const NOW = Date.UTC(2026, 4, 3, 12, 0, 0);
const format = new Format("en", "Europe/Berlin", () => NOW);

test("numbers follow the locale", () => {
  assert.equal(format.number(98214), "98,214");
  assert.equal(new Format("de-DE").number(98214), "98.214");
});

test("what is only estimated has two digits that count", () => {
  assert.equal(format.about(98214), "98,000");
  assert.equal(format.about(1_234_567), "1,200,000");
  assert.equal(format.about(7), "7");
  assert.equal(format.about(0), "0");
});

test("only all of it is 100 %", () => {
  assert.equal(format.percent(0.9999), "99 %");
  assert.equal(format.percent(1), "100 %");
  assert.equal(format.percent(1.2), "100 %");
});

test("sizes have at most one decimal", () => {
  assert.deepEqual([0, 999, 1000, 1520, 98_400_000, 999_600, 5_368_709_120].map((bytes) => format.size(bytes)), [
    "0 B",
    "999 B",
    "1 kB",
    "1.5 kB",
    "98 MB",
    "1 MB",
    "5.4 GB",
  ]);
});

test("durations read like a clock", () => {
  assert.deepEqual([0, 9.6, 80, 4000].map((seconds) => format.duration(seconds)), ["0:00", "0:10", "1:20", "1:06:40"]);
});

test("times are told from now, then by their day", () => {
  const at = (seconds) => format.ago(NOW / 1000 + seconds);
  assert.equal(at(-20), null);
  assert.equal(at(-300), "5 minutes ago");
  assert.equal(at(-7200), "2 hours ago");
  assert.equal(at(-86400), "yesterday");
  assert.equal(at(3 * 86400), "in 3 days");
  assert.equal(at(-90 * 86400), "Feb 2, 2026");
});

test("words follow the language of the page, numbers the locale", () => {
  const mixed = new Format("de-DE", "UTC", () => NOW, "en");
  assert.deepEqual([mixed.ago(NOW / 1000 - 300), mixed.number(98214)], ["5 minutes ago", "98.214"]);
  assert.equal(new Format("de-DE", "UTC", () => NOW, "de").ago(NOW / 1000 - 300), "vor 5 Minuten");
});

test("moments are in the workspace's time zone", () => {
  assert.match(format.moment(NOW / 1000), /May 3, 2026.*2:00/);
});

test("a birthday is a day of words, with its year if it has one", () => {
  assert.equal(format.birthday("1984-03-07"), "7 Mar 1984");
  assert.equal(format.birthday("--03-07"), "7 Mar");
  assert.equal(format.birthday("in spring"), "in spring");
  assert.equal(format.birthday("1984-13-07"), "1984-13-07");
});
