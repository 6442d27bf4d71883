import assert from "node:assert/strict";
import { test } from "node:test";

import { pause } from "../../frontend/static/js/live/backoff.js";
import { Channel } from "../../frontend/static/js/live/channel.js";
import { meaning } from "../../frontend/static/js/live/codes.js";
import { Session } from "../../frontend/static/js/live/session.js";

// A world in which nothing happens by itself.
class World {
  time = 1_000_000;
  chance = 0.5;
  sockets = [];
  timers = [];

  open = (url) => {
    const socket = { url, sent: [], closed: false, send: (text) => socket.sent.push(JSON.parse(text)), close: () => (socket.closed = true) };
    socket.say = (frame) => socket.onmessage({ data: JSON.stringify(frame) });
    socket.hello = () => socket.say({ type: "hello", socket: "s", heartbeat: 25 });
    socket.end = (code) => socket.onclose({ code });
    this.sockets.push(socket);
    return socket;
  };
  after = (milliseconds, act) => {
    const timer = { at: this.time + milliseconds, act };
    this.timers.push(timer);
    return () => (this.timers = this.timers.filter((other) => other !== timer));
  };
  now = () => this.time;
  random = () => this.chance;

  get socket() {
    return this.sockets.at(-1);
  }

  async pass(milliseconds) {
    const end = this.time + milliseconds;
    for (;;) {
      await settled();
      const next = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.time = Math.max(this.time, next.at);
      next.act();
    }
    this.time = end;
    await settled();
  }
}

const settled = async () => {
  for (let turn = 0; turn < 10; turn++) await null;
};
const state = (version, more = {}) => ({ id: "i", version, status: "running", visible: false, ...more });
const event = (offset, previous, version, kind = "progress", more = {}) => ({
  type: "event", channel: "c", epoch: "e", offset, previous, kind,
  state: state(version, kind === "progress" ? {} : { status: "finished", visible: kind === "visible" }), ...more,
});
const subscribed = (more = {}) => ({
  type: "subscribed", id: 1, channel: "c", epoch: "e", offset: 0, recovered: false, states: [], events: [], ...more,
});

async function live({ token, ticket } = {}) {
  const world = new World();
  const asked = [];
  const statuses = [];
  const told = [];
  const refusals = [];
  const session = new Session({
    url: "ws://gateway", world,
    token: token ?? (async (channel) => (asked.push(channel), { token: `t${asked.length}`, expires_at: world.time / 1000 + 3600 })),
    onStatus: (status, why) => statuses.push(why ? `${status}:${why}` : status),
  });
  const listener = { state: (now, kind) => told.push(`${kind} ${now.version}`), refused: (why) => refusals.push(why) };
  const stop = session.subscribe("c", listener, ticket);
  await settled();
  return { world, session, asked, statuses, told, refusals, stop };
}

async function listening(options) {
  const page = await live(options);
  page.world.socket.hello();
  await settled();
  page.world.socket.say(subscribed());
  return page;
}

test("a channel tells each state once, newest first come, and notices what is missing", () => {
  const channel = new Channel();
  assert.deepEqual(channel.position(), {});
  assert.deepEqual(channel.subscribed(subscribed({ offset: 4, states: [state(7)] })), [{ state: state(7), kind: "progress" }]);
  assert.deepEqual(channel.event(event(4, 3, 7)), [], "already known by offset");
  assert.deepEqual(channel.event(event(5, 4, 7)), [], "already known by version");
  assert.equal(channel.event(event(8, 4, 9)), null, "something between was sent and is not here");
  assert.equal(channel.event(event(8, 5, 9)).length, 1, "conflation leaves a gap in offsets, not in previous");
  assert.deepEqual(channel.position(), { epoch: "e", offset: 8 });
});

test("a new epoch is followed from its beginning only", () => {
  const channel = new Channel();
  channel.subscribed(subscribed({ offset: 9, states: [state(7)] }));
  assert.equal(channel.event(event(3, 2, 8, "progress", { epoch: "f" })), null);
  assert.deepEqual(channel.event(event(1, 0, 7, "progress", { epoch: "f" })), [], "told before");
  assert.equal(channel.event(event(2, 1, 8, "progress", { epoch: "f" })).length, 1);
});

test("a replay is told in order, with its kinds, before the snapshot that repeats it", () => {
  const channel = new Channel();
  const news = channel.subscribed(
    subscribed({
      offset: 3, recovered: true, states: [state(3, { status: "finished", visible: true })],
      events: [event(2, 1, 2, "finished"), event(3, 2, 3, "visible")],
    }),
  );
  assert.deepEqual(news.map(({ kind, state: { version } }) => [kind, version]), [["finished", 2], ["visible", 3]]);
});

test("close codes follow their range", () => {
  for (const code of [1000, 1001, 1005, 1006, 1011, 1012, 1013, 4000, 4001, 4499]) assert.equal(meaning(code).again, true, code);
  for (const code of [1008, 4500, 4504, 4999]) assert.equal(meaning(code).again, false, code);
  assert.equal(meaning(4504).why, "signed_out");
  assert.equal(meaning(4006).renew, true);
});

test("pauses are spread between nothing and a bound that doubles to 30 s", () => {
  assert.equal(pause(0, () => 0), 0);
  assert.equal(pause(0, () => 1), 500);
  assert.equal(pause(3, () => 1), 4000);
  assert.equal(pause(50, () => 1), 30_000);
});

test("subscribes with a token, tells what comes, and is live once answered", async () => {
  const { world, statuses, told } = await live();
  world.socket.hello();
  await settled();
  assert.deepEqual(world.socket.sent, [{ type: "subscribe", id: 1, channel: "c", token: "t1" }]);
  assert.deepEqual(statuses, []);
  world.socket.say(subscribed({ offset: 1, states: [state(1)] }));
  world.socket.say(event(2, 1, 2));
  world.socket.say(event(3, 2, 3, "finished"));
  assert.deepEqual(statuses, ["live"]);
  assert.deepEqual(told, ["progress 1", "progress 2", "finished 3"]);
});

test("a ticket that came with the channel saves the first request", async () => {
  const { world, asked } = await listening({ ticket: { token: "given", expires_at: 5000 } });
  assert.deepEqual(asked, []);
  assert.equal(world.socket.sent[0].token, "given");
});

test("comes back after a loss with its position, and older states are not told again", async () => {
  const { world, statuses, told } = await listening();
  world.socket.say(event(1, 0, 5));
  world.socket.end(1006);
  assert.deepEqual(statuses, ["live", "reconnecting"]);
  await world.pass(600);
  world.socket.hello();
  await settled();
  assert.deepEqual(world.socket.sent[0], { type: "subscribe", id: 2, channel: "c", token: "t1", epoch: "e", offset: 1 });
  world.socket.say(subscribed({ id: 2, offset: 2, epoch: "f", states: [state(4)] }));
  assert.deepEqual(statuses, ["live", "reconnecting", "live"]);
  assert.deepEqual(told, ["progress 5"]);
});

test("an event whose predecessor is missing leads to a new subscription on the same socket", async () => {
  const { world, told } = await listening();
  world.socket.say(event(5, 4, 9));
  await settled();
  assert.deepEqual(world.socket.sent.at(-1), { type: "subscribe", id: 2, channel: "c", token: "t1", epoch: "e", offset: 0 });
  world.socket.say(event(6, 5, 10));
  assert.deepEqual(told, []);
  world.socket.say(subscribed({ id: 2, offset: 6, states: [state(10)] }));
  assert.deepEqual(told, ["progress 10"]);
  assert.equal(world.sockets.length, 1);
});

test("pings are answered at once", async () => {
  const { world } = await listening();
  world.socket.say({ type: "ping" });
  assert.deepEqual(world.socket.sent.at(-1), { type: "pong" });
});

test("a silent connection is dead after one and a half heartbeats", async () => {
  const { world, statuses } = await listening();
  const first = world.socket;
  await world.pass(37_000);
  assert.equal(first.closed, false);
  await world.pass(1_000);
  assert.equal(first.closed, true);
  assert.ok(statuses.includes("reconnecting"));
});

test("a page that comes back looks at once", async () => {
  const { world, session } = await listening();
  world.time += 60_000; // the timers slept
  session.check();
  assert.equal(session.status, "reconnecting");
  session.check();
  await settled();
  assert.equal(world.sockets.length, 2);
});

test("attempts are spaced further and further, and start over after a steady connection", async () => {
  const { world } = await listening();
  world.chance = 1;
  for (const wait of [500, 1000, 2000, 4000]) {
    world.socket.end(1006);
    const before = world.sockets.length;
    await world.pass(wait - 1);
    assert.equal(world.sockets.length, before, `not before ${wait} ms`);
    await world.pass(2);
    assert.equal(world.sockets.length, before + 1);
  }
  world.socket.hello();
  await settled();
  world.socket.say(subscribed({ id: 2 }));
  for (let passed = 0; passed < 40_000; passed += 20_000) {
    await world.pass(20_000);
    world.socket.say({ type: "ping" });
  }
  world.socket.end(1006);
  await world.pass(501);
  assert.equal(world.sockets.length, 6);
});

test("an expired token is fetched again before coming back", async () => {
  const { world, asked } = await listening();
  world.socket.end(4006);
  await world.pass(600);
  world.socket.hello();
  await settled();
  assert.deepEqual(asked, ["c", "c"]);
  assert.equal(world.socket.sent[0].token, "t2");
});

test("a token is renewed a minute before it ends, on the open socket", async () => {
  const { world, asked } = await listening();
  for (let passed = 0; passed < 3_530; passed += 10) {
    await world.pass(10_000);
    world.socket.say({ type: "ping" });
    if (passed < 3_500) assert.deepEqual(asked, ["c"]);
  }
  await world.pass(20_000);
  assert.deepEqual(world.socket.sent.filter(({ type }) => type === "refresh"), [{ type: "refresh", id: 2, channel: "c", token: "t2" }]);
  assert.equal(world.sockets.length, 1);
});

test("signed out is the end", async () => {
  const { world, statuses, refusals } = await listening();
  world.socket.end(4504);
  await world.pass(120_000);
  assert.deepEqual(statuses, ["live", "refused:signed_out"]);
  assert.deepEqual(refusals, ["signed_out"]);
  assert.equal(world.sockets.length, 1);
});

test("no token because nobody is signed in is the end; because the network is away it is not", async () => {
  const fail = (status) => async () => { throw Object.assign(new Error("no"), { status }); };
  const out = await live({ token: fail(401) });
  await out.world.pass(60_000);
  assert.deepEqual(out.statuses, ["refused:signed_out"]);
  assert.equal(out.world.sockets.length, 0);
  const away = await live({ token: fail(undefined) });
  assert.deepEqual(away.statuses, ["reconnecting"]);
  assert.notEqual(away.world.timers.length, 0);
});

test("a channel that is refused leaves the others alone", async () => {
  const { world, session, refusals, told, statuses } = await listening();
  session.subscribe("other", { refused: (why) => refusals.push(`other ${why}`) });
  await settled();
  world.socket.say({ type: "error", id: 2, code: "limit", temporary: false });
  world.socket.say(event(1, 0, 1));
  assert.deepEqual(refusals, ["other limit"]);
  assert.deepEqual(told, ["progress 1"]);
  assert.deepEqual(statuses, ["live"]);
});

test("a temporary error is asked again on the same socket", async () => {
  const { world } = await live();
  world.socket.hello();
  await settled();
  world.socket.say({ type: "error", id: 1, code: "unavailable", temporary: true });
  await world.pass(4_000);
  assert.deepEqual(world.socket.sent.map(({ type, id }) => [type, id]), [["subscribe", 1], ["subscribe", 2]]);
});

test("two listeners share a channel; the second hears what is known, the last one ends it", async () => {
  const { world, session, stop } = await listening();
  world.socket.say(event(1, 0, 3, "finished"));
  const late = [];
  const stopLate = session.subscribe("c", { state: (now, kind) => late.push(kind), ready: () => late.push("ready") });
  assert.deepEqual(late, ["finished", "ready"]);
  stop();
  assert.equal(world.socket.sent.at(-1).type, "subscribe");
  stopLate();
  assert.equal(world.socket.sent.at(-1).type, "unsubscribe");
});

test("closing is final", async () => {
  const { world, session } = await listening();
  session.close();
  await world.pass(120_000);
  assert.equal(world.socket.closed, true);
  assert.equal(world.sockets.length, 1);
  assert.deepEqual(world.timers, []);
});
