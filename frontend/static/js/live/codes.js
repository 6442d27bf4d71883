// codes.js: what the end of a socket means (design.md section 6). Pure.

/** Words for the ends that are final, for the page. */
const REFUSED = new Map([
  [4500, "bad_token"],
  [4501, "origin"],
  [4502, "protocol"],
  [4503, "limit"],
  [4504, "signed_out"],
]);

// These say that we speak wrongly or may not speak at all; trying again changes nothing.
const HOPELESS = new Set([1002, 1003, 1007, 1008, 1009, 1010]);

/**
 * What to do when the socket closed with `code`:
 * {again: true} reconnect, with `renew` after fetching new tokens and with `slower` after a longer pause;
 * {again: false, why} stop, and say why.
 */
export function meaning(code) {
  if ((code >= 4500 && code <= 4999) || HOPELESS.has(code)) {
    return { again: false, why: REFUSED.get(code) ?? "refused" };
  }
  return { again: true, renew: code === 4006, slower: code === 4005 };
}
