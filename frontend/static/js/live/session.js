// session.js: one connection to the gateway that comes back by itself. Knows no browser: the world is passed in.
//
//   world.open(url) -> socket     like a WebSocket: send, close, onopen, onmessage, onclose
//   world.after(ms, act) -> stop  a timer
//   world.now() -> ms             world.random() -> 0..1

import { pause } from "./backoff.js";
import { Channel, kindOf } from "./channel.js";
import { meaning } from "./codes.js";

const STEADY = 30_000; // connected for so long, a loss counts as the first again
const FRESH = 60_000; // a token is renewed this long before it expires
const SILENCE = 1.5; // heartbeats without a frame mean that the connection is dead
const OPENING = 15_000; // a connection that does not say hello within this time is given up

export class Session {
  #world;
  #url;
  #token;
  #onStatus;
  #channels = new Map(); // channel -> {position, listeners, ticket, request, answered}
  #socket = null;
  #open = false; // whether hello was heard
  #status = "connecting";
  #why = undefined;
  #attempt = 0;
  #since = 0;
  #heard = 0;
  #heartbeat = 25_000;
  #requests = 0;
  #stopWaiting = null; // for the next attempt
  #stopWatching = null; // the silence
  #stopRenewing = null; // the tokens
  #busy = false; // whether tokens for an attempt are being fetched
  #closed = false;

  constructor({ url, token, onStatus = () => {}, world }) {
    this.#url = url;
    this.#token = token;
    this.#onStatus = onStatus;
    this.#world = world;
  }

  get status() {
    return this.#status;
  }

  /** Listens to a channel; answers a function that stops it. `ticket` {token, expires_at} saves a first request. */
  subscribe(channel, listener, ticket = null) {
    let entry = this.#channels.get(channel);
    if (!entry) {
      entry = { position: new Channel(), listeners: new Set(), ticket, request: null, answered: false };
      this.#channels.set(channel, entry);
    } else if (ticket) {
      entry.ticket = ticket;
    }
    entry.listeners.add(listener);
    for (const state of entry.position.states.values()) listener.state?.(state, kindOf(state));
    if (entry.answered) listener.ready?.({ recovered: true });
    if (this.#status === "refused") listener.refused?.(this.#why);
    else if (!this.#open) this.#connect();
    else if (!entry.answered) this.#ask(channel, entry);
    return () => this.#unsubscribe(channel, entry, listener);
  }

  /** The page came back or the network did: look at once instead of waiting for a timer that may be asleep. */
  check() {
    if (this.#stopWaiting) this.#connect();
    else if (this.#open && this.#silent()) this.#lost(1006);
  }

  /** Ends for good. */
  close() {
    this.#closed = true;
    this.#drop(1000);
    this.#stopWaiting?.();
    this.#stopWaiting = null;
    this.#stopRenewing?.();
  }

  #unsubscribe(channel, entry, listener) {
    entry.listeners.delete(listener);
    if (entry.listeners.size > 0 || this.#channels.get(channel) !== entry) return;
    this.#channels.delete(channel);
    if (this.#open) this.#send({ type: "unsubscribe", id: ++this.#requests, channel });
  }

  // The way to an open socket: tokens first, because the gateway waits only 10 s for a good one.

  async #connect() {
    this.#stopWaiting?.();
    this.#stopWaiting = null;
    if (this.#socket || this.#busy || this.#closed || this.#status === "refused") return;
    this.#busy = true;
    const tickets = [...this.#channels].map(([channel, entry]) => this.#ticket(channel, entry));
    const good = (await Promise.all(tickets)).every(Boolean);
    this.#busy = false;
    if (this.#closed || this.#channels.size === 0 || this.#status === "refused") return;
    if (!good) return this.#again();
    const socket = (this.#socket = this.#world.open(this.#url));
    this.#heard = this.#world.now();
    const unlessOld = (act) => (event) => socket === this.#socket && act(event);
    socket.onmessage = unlessOld((event) => this.#take(JSON.parse(event.data)));
    socket.onclose = unlessOld((event) => this.#lost(event.code));
    this.#stopWatching = this.#world.after(OPENING, () => this.#lost(1006));
  }

  /** Makes sure that the channel has a token for a while; false: the world is away, try again later. */
  async #ticket(channel, entry) {
    if (entry.ticket && entry.ticket.expires_at * 1000 > this.#world.now() + FRESH / 2) return true;
    try {
      entry.ticket = await this.#token(channel);
    } catch (error) {
      const { status } = error ?? {};
      if (!(status >= 400 && status < 500) || status === 408 || status === 429) return false;
      if (status === 401) this.#refuse("signed_out");
      else this.#giveUp(channel, entry, "bad_token");
    }
    return true;
  }

  #giveUp(channel, entry, why) {
    if (this.#channels.get(channel) !== entry) return;
    this.#channels.delete(channel);
    for (const listener of entry.listeners) listener.refused?.(why);
  }

  #again() {
    if (this.#closed || this.#channels.size === 0) return;
    this.#say("reconnecting");
    this.#stopWaiting?.();
    this.#stopWaiting = this.#world.after(pause(this.#attempt++, this.#world.random), () => this.#connect());
  }

  #lost(code) {
    if (this.#open && this.#world.now() - this.#since > STEADY) this.#attempt = 0;
    this.#drop();
    const next = meaning(code);
    if (!next.again) return this.#refuse(next.why);
    if (next.renew) for (const entry of this.#channels.values()) entry.ticket = null;
    if (next.slower) this.#attempt = Math.max(this.#attempt, 4);
    this.#again();
  }

  #drop(code) {
    const socket = this.#socket;
    this.#socket = null;
    this.#open = false;
    this.#stopWatching?.();
    for (const entry of this.#channels.values()) entry.request = null;
    socket?.close(code);
  }

  #refuse(why) {
    this.#drop();
    this.#why = why;
    this.#say("refused", why);
    for (const entry of this.#channels.values()) for (const listener of entry.listeners) listener.refused?.(why);
  }

  #say(status, why) {
    if (status === this.#status) return;
    this.#status = status;
    this.#onStatus(status, why);
  }

  // What the gateway says

  #take(frame) {
    this.#heard = this.#world.now();
    const act = this.#frames[frame.type];
    if (act) act(frame); // what a newer gateway adds is not for us
  }

  #frames = {
    hello: ({ heartbeat }) => {
      this.#open = true;
      this.#since = this.#world.now();
      this.#heartbeat = heartbeat * 1000;
      this.#watch();
      for (const [channel, entry] of this.#channels) this.#ask(channel, entry);
    },
    ping: () => this.#send({ type: "pong" }),
    subscribed: (frame) => {
      const entry = this.#channels.get(frame.channel);
      if (!entry) return;
      entry.request = null;
      entry.answered = true;
      this.#tell(entry, entry.position.subscribed(frame));
      for (const listener of entry.listeners) listener.ready?.({ recovered: frame.recovered });
      this.#settled();
      this.#renewInTime();
    },
    event: (frame) => {
      const entry = this.#channels.get(frame.channel);
      if (!entry || entry.request !== null) return; // the answer under way holds it
      const news = entry.position.event(frame);
      if (news === null) this.#ask(frame.channel, entry);
      else this.#tell(entry, news);
    },
    error: ({ id, code, temporary }) => {
      for (const [channel, entry] of this.#channels) {
        if (entry.request !== id) continue;
        entry.request = null;
        if (temporary) this.#world.after(pause(3, this.#world.random), () => this.#ask(channel, entry));
        else this.#giveUp(channel, entry, code);
      }
      this.#settled();
    },
  };

  #settled() {
    const entries = [...this.#channels.values()];
    if (this.#open && entries.every((entry) => entry.answered && entry.request === null)) this.#say("live");
  }

  #tell(entry, news) {
    for (const { state, kind } of news) for (const listener of entry.listeners) listener.state?.(state, kind);
  }

  // What we say

  async #ask(channel, entry) {
    const socket = this.#socket;
    if (!this.#open || entry.request !== null || this.#channels.get(channel) !== entry) return;
    const request = (entry.request = ++this.#requests);
    const good = await this.#ticket(channel, entry);
    if (socket !== this.#socket) return;
    if (!good) {
      this.#drop();
      this.#again();
    } else if (this.#channels.get(channel) === entry) {
      this.#send({ type: "subscribe", id: request, channel, token: entry.ticket.token, ...entry.position.position() });
    }
  }

  #send(frame) {
    this.#socket.send(JSON.stringify(frame));
  }

  // What time brings

  #silent() {
    return this.#world.now() - this.#heard > SILENCE * this.#heartbeat;
  }

  #watch() {
    this.#stopWatching?.();
    const left = this.#heard + SILENCE * this.#heartbeat - this.#world.now();
    this.#stopWatching = this.#world.after(Math.max(left, 0) + 1, () => (this.#silent() ? this.#lost(1006) : this.#watch()));
  }

  #renewInTime() {
    this.#stopRenewing?.();
    const ends = [...this.#channels.values()].filter((entry) => entry.ticket).map((entry) => entry.ticket.expires_at);
    if (ends.length === 0) return;
    const left = Math.min(...ends) * 1000 - FRESH - this.#world.now();
    this.#stopRenewing = this.#world.after(Math.max(left, 1000), () => this.#renew());
  }

  async #renew() {
    const socket = this.#socket;
    if (!this.#open) return; // reconnecting renews by itself
    for (const [channel, entry] of this.#channels) {
      if (entry.ticket && entry.ticket.expires_at * 1000 > this.#world.now() + FRESH + 1000) continue;
      try {
        entry.ticket = await this.#token(channel);
      } catch {
        return; // the gateway ends the socket when the token does, and then we ask again
      }
      if (socket !== this.#socket) return;
      this.#send({ type: "refresh", id: ++this.#requests, channel, token: entry.ticket.token });
    }
    this.#renewInTime();
  }
}
