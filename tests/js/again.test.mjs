import assert from "node:assert/strict";
import { test } from "node:test";

import { Again } from "../../frontend/static/js/again.js";

function world() {
  const it = { time: 0, timers: [], runs: [], finish: null };
  it.again = new Again(
    () => {
      it.runs.push(it.time);
      return new Promise((resolve) => (it.finish = resolve));
    },
    { apart: 1000, now: () => it.time, later: (act, pause) => it.timers.push({ at: it.time + pause, act }) },
  );
  it.pass = (milliseconds) => {
    it.time += milliseconds;
    for (const timer of it.timers.splice(0).filter(({ at }) => at <= it.time || !it.timers.push({ at, act: () => {} }))) timer.act();
  };
  return it;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("the first ask runs at once", () => {
  const it = world();
  it.again.ask();
  assert.deepEqual(it.runs, [0]);
});

test("many asks while one runs become one more run, a second after the last", async () => {
  const it = world();
  it.again.ask();
  it.again.ask();
  it.again.ask();
  it.time = 300;
  it.finish();
  await settled();
  assert.deepEqual(it.runs, [0]);
  it.pass(700);
  assert.deepEqual(it.runs, [0, 1000]);
});

test("nothing runs that nobody asked for", async () => {
  const it = world();
  it.again.ask();
  it.finish();
  await settled();
  it.pass(60_000);
  assert.deepEqual(it.runs, [0]);
  assert.deepEqual(it.timers, []);
});
