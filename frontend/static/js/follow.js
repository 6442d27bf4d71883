// Hears a channel over the page's one socket. Everything live on a page goes through here.
import { call, Problem, showSignedOut } from "./api.js";
import { connect } from "./live.js";
import { pause } from "./live/backoff.js";

let live = null;
const watchers = new Set();

// `wanted` is the body of POST /api/v1/channels: {} for a new channel, {channel} or {scope: "workspace"} for a known
// one. `state` hears every newer state, `connection` whether what is shown is up to date, `refused` that it never
// will be. Resolves with the channel when all that is known has been told, with null when it was refused.
export async function follow(wanted, { state = () => {}, connection = () => {}, refused = () => {} } = {}) {
  let granted;
  try {
    granted = await ticket(wanted, connection);
  } catch (error) {
    if (error.status !== 401) refused(error.code); // being signed out is shown once for the whole page
    return null;
  }
  const { channel, token, expires_at, url } = granted;
  watchers.add(connection);
  live ??= connect({ url, token: (known) => asked({ channel: known }), onStatus: tell });
  return new Promise((resolve) => {
    const over = (why) => {
      if (why === "signed_out") showSignedOut();
      else refused(why);
      resolve(null);
    };
    if (live.status === "refused") over("refused");
    else live.subscribe(channel, { state, ready: () => resolve(channel), refused: over }, { token, expires_at });
  });
}

// The first ticket; while the server does not answer it is asked again, ever more slowly.
async function ticket(wanted, connection) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await asked(wanted);
    } catch (error) {
      const passing = error instanceof Problem && (error.status === 0 || error.status >= 500 || error.status === 429);
      if (!passing) throw error;
      connection(false);
      await new Promise((resolve) => setTimeout(resolve, pause(attempt, Math.random)));
    }
  }
}

function asked(wanted) {
  return call("POST", "/api/v1/channels", wanted);
}

function tell(status) {
  for (const watcher of watchers) watcher(status !== "reconnecting");
}
