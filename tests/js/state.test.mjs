import assert from "node:assert/strict";
import { test } from "node:test";

import { ahead, awaitsBytes, counts, lastHeard, newer, shares } from "../../frontend/static/js/state.js";

const state = (changes) => ({
  id: "1",
  version: 1,
  source: "file",
  status: "running",
  size: 100,
  bytes_received: 0,
  bytes_done: 0,
  parts: null,
  ...changes,
});

test("a state with a higher version is the newer one, whatever comes first", () => {
  const [old, fresh] = [state({ version: 3 }), state({ version: 4 })];
  assert.equal(newer(old, fresh), fresh);
  assert.equal(newer(fresh, old), fresh);
  assert.equal(newer(fresh, { ...fresh }), fresh);
  assert.equal(newer(null, old), old);
});

test("received and done are shares of the whole file", () => {
  assert.deepEqual(shares(state({ bytes_received: 62, bytes_done: 40 })), { received: 0.62, done: 0.4 });
});

test("done never overtakes received", () => {
  assert.deepEqual(shares(state({ bytes_received: 30, bytes_done: 90 })), { received: 0.3, done: 0.3 });
});

test("without a size what is received is the whole, and nothing known is nothing done", () => {
  assert.deepEqual(shares(state({ size: null, bytes_received: 50, bytes_done: 25 })), { received: 1, done: 0.5 });
  assert.deepEqual(shares(state({ size: null })), { received: 0, done: 0 });
});

test("a sealed file is all received, though its text has fewer bytes", () => {
  assert.equal(shares(state({ bytes_received: 90, bytes_done: 45, parts: 4 })).received, 1);
});

test("only a finished import is done", () => {
  assert.deepEqual(shares(state({ status: "finished", size: 0 })), { received: 1, done: 1 });
  assert.deepEqual(shares(state({ status: "failed", bytes_received: 20, bytes_done: 10 })), { received: 0.2, done: 0.1 });
});

test("bytes are awaited while a file's end has not come", () => {
  assert.equal(awaitsBytes(state()), true);
  assert.equal(awaitsBytes(state({ parts: 3 })), false);
  assert.equal(awaitsBytes(state({ status: "cancelled" })), false);
  assert.equal(awaitsBytes(state({ source: "google" })), false);
});

test("the five outcomes come in their order", () => {
  const numbers = { rejected: 5, duplicate: 4, unchanged: 3, updated: 2, created: 1 };
  assert.deepEqual(counts(numbers).map(([, count]) => count), [1, 2, 3, 4, 5]);
});

test("silence is counted from the last byte, else from the request", () => {
  assert.equal(lastHeard(state({ last_received_at: 9, requested_at: 5 })), 9);
  assert.equal(lastHeard(state({ last_received_at: null, started_at: null, requested_at: 5 })), 5);
});

test("an import waits behind those that were asked for before it, while nothing of it is done", () => {
  const mine = { ...state(), id: "m", rows: 0, bytes_received: 5, requested_at: 20 };
  const running = { ...state(), id: "a", requested_at: 10 };
  const others = [running, { ...running, id: "b", status: "finished" }, { ...running, id: "c", requested_at: 30 }, mine];
  assert.deepEqual(ahead(mine, others), [running]);
  assert.deepEqual(ahead({ ...mine, rows: 1 }, others), []);
  assert.deepEqual(ahead({ ...mine, bytes_received: 0 }, others), []);
  assert.deepEqual(ahead({ ...mine, status: "cancelled" }, others), []);
});
