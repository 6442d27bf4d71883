// Talks to our own API. Errors are Problems with a stable code; being signed out is shown once for all.
import { part } from "./dom.js";
import { say } from "./words.js";

export class Problem extends Error {
  constructor(status, code, detail, extra = {}) {
    super(detail);
    Object.assign(this, { status, code, detail, extra });
  }
}

// JSON in, JSON out. Throws Problem; `code` is "no_answer" when there was none.
export async function call(method, path, body, options = {}) {
  const headers = { Accept: "application/json", ...options.headers };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await send(path, { ...options, method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  return response.status === 204 ? null : response.json();
}

// Any request; answers that are not in the 200s become a Problem.
export async function send(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", redirect: "follow", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "no_answer", say("common.no_answer"));
  }
  if (response.status === 401) showSignedOut();
  if (!response.ok) throw await problemOf(response);
  return response;
}

// A piece of a page that our server renders.
export async function piece(path, options = {}) {
  const response = await send(path, { ...options, headers: { Accept: "text/html" } });
  if (response.redirected && new URL(response.url).pathname === "/sign-in") {
    showSignedOut();
    throw new Problem(401, "not_signed_in", say("shell.signed_out"));
  }
  return response.text();
}

export function showSignedOut() {
  const notice = part(document, "signed-out");
  if (notice) notice.hidden = false;
}

export function showSignedIn() {
  const notice = part(document, "signed-out");
  if (notice) notice.hidden = true;
}

async function problemOf(response) {
  const retry_after = Number(response.headers.get("Retry-After")) || undefined;
  try {
    const { code, detail, ...extra } = await response.json();
    return new Problem(response.status, code, detail, { retry_after, ...extra });
  } catch {
    return new Problem(response.status, "unknown", say("common.no_answer"), { retry_after });
  }
}
