// An import's state, as the API tells it: which one is newer, how far it is, what its numbers say. Pure.

export const OUTCOMES = ["created", "updated", "unchanged", "duplicate", "rejected"];
export const ENDED = new Set(["finished", "failed", "cancelled"]);

// States come whole and with a version: lost, repeated or reordered ones cannot show a wrong page.
export function newer(known, told) {
  return !known || told.version > known.version ? told : known;
}

// How much of the input is received and done, from 0 to 1. Only what is finished is all of it.
export function shares(state) {
  if (state.status === "finished") return { received: 1, done: 1 };
  const whole = Math.max(state.size ?? 0, state.bytes_received, state.bytes_done);
  if (!whole) return { received: 0, done: 0 };
  const received = state.parts != null ? 1 : Math.min(1, state.bytes_received / whole);
  return { received, done: Math.min(received, state.bytes_done / whole) };
}

export function counts(state) {
  return OUTCOMES.map((name) => [name, state[name]]);
}

// Whether bytes of a file are still expected.
export function awaitsBytes(state) {
  return state.source === "file" && !ENDED.has(state.status) && state.parts == null;
}

// Seconds after which a file that nobody sends counts as interrupted.
export const SILENCE = 15;

// When the last byte came (Unix seconds), as far as this state tells.
export function lastHeard(state) {
  return state.last_received_at ?? state.started_at ?? state.requested_at ?? 0;
}

// The imports that were asked for before this one and still run, while nothing of this one is done yet.
export function ahead(state, others) {
  if (ENDED.has(state.status) || state.rows || !state.bytes_received) return [];
  const earlier = (other) => other.id !== state.id && (other.requested_at ?? 0) < (state.requested_at ?? 0);
  return others.filter((other) => earlier(other) && !ENDED.has(other.status));
}
