// How many rows a file has: counted when all of it was looked at, estimated from its beginning otherwise. Pure.

// Counts records in `text`: line ends outside quotes, CR, LF and CRLF alike; empty lines are none.
export function records(text, quote = '"') {
  let found = 0;
  let quoted = false;
  let empty = true;
  for (const mark of text) {
    if (quote && mark === quote) quoted = !quoted;
    if (!quoted && (mark === "\n" || mark === "\r")) {
      found += empty ? 0 : 1;
      empty = true;
    } else {
      empty = false;
    }
  }
  return { whole: found, open: !empty };
}

// `head` is the text of the first `looked` of `size` bytes. Returns { rows, exact }.
export function estimate(head, looked, size, plan) {
  const begins = { vcard: /^BEGIN:VCARD/gim, ldif: /^dn:/gim }[plan.format];
  if (begins) return scaled(head.match(begins)?.length ?? 0, looked, size);
  const { whole, open } = records(head, plan.dialect ? plan.dialect.quote : '"');
  const above = (plan.header ?? 0) + (plan.preamble ?? 0);
  if (looked >= size) return { rows: Math.max(0, whole + (open ? 1 : 0) - above), exact: true };
  return { rows: Math.max(1, scaled(whole, looked, size).rows - above), exact: false };
}

function scaled(found, looked, size) {
  return looked >= size ? { rows: found, exact: true } : { rows: Math.round((found / Math.max(1, looked)) * size), exact: false };
}
