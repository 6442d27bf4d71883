// backoff.js: how long to wait before the next attempt. Pure.

const FIRST = 500;
const LONGEST = 30_000;

/** Milliseconds before attempt number `attempt` (0, 1, ...): full jitter, so that clients cut together drift apart. */
export function pause(attempt, random) {
  return random() * Math.min(LONGEST, FIRST * 2 ** Math.min(attempt, 16));
}
