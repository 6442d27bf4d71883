/**
 * live.js: imports as they happen. One socket a page, for as many channels as it listens to; nothing is ever polled.
 *
 *   import { connect } from "./live.js";
 *
 *   const live = connect({
 *     url,                                     // of the gateway, as POST /api/v1/channels answered: "ws://host:8001/v1/ws"
 *     token: async (channel) => ({ token, expires_at }),  // a (new) token: POST /api/v1/channels {"channel": channel};
 *                                              // throw an error with `status` (the HTTP status) when that fails
 *     onStatus: (status, why) => {},           // see below; called on each change
 *   });
 *
 *   const stop = live.subscribe(channel, {
 *     state(state, kind) {},                   // each state newer than the last, whole; kind: progress | finished | failed |
 *                                              // cancelled | visible, from the snapshot as well. Never older, never twice.
 *     ready({ recovered }) {},                 // after each (re)subscription, when everything known has been told
 *     refused(why) {},                         // this channel will not be heard
 *   }, { token, expires_at });                 // optional: the ticket that came with the channel saves a request
 *
 *   stop();                                    // this listener hears no more; the last one of a channel unsubscribes it
 *   live.status;                               // "connecting" | "live" | "reconnecting" | "refused"
 *   live.close();                              // ends it
 *
 * Status, for a quiet line on the page:
 *   live          everything subscribed is up to date
 *   reconnecting  the connection was lost; it comes back by itself, and then `state` brings what is new
 *   refused       it will not come back; why: signed_out | bad_token | origin | protocol | limit | refused
 *
 * `expires_at` is in Unix seconds. Callbacks run synchronously, in the order of the import's versions.
 */

import { Session } from "./live/session.js";

const PROTOCOL = "addressbus.v1";

export function connect({ url, token, onStatus }) {
  const session = new Session({
    url,
    token,
    onStatus,
    world: {
      open: (address) => new WebSocket(address, PROTOCOL),
      after(milliseconds, act) {
        const timer = setTimeout(act, milliseconds);
        return () => clearTimeout(timer);
      },
      now: () => Date.now(),
      random: Math.random,
    },
  });
  const check = () => document.visibilityState === "visible" && session.check();
  document.addEventListener("visibilitychange", check);
  window.addEventListener("online", check);
  return {
    subscribe: (channel, listener, ticket) => session.subscribe(channel, listener, ticket),
    get status() {
      return session.status;
    },
    close() {
      document.removeEventListener("visibilitychange", check);
      window.removeEventListener("online", check);
      session.close();
    },
  };
}
