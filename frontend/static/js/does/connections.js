// Accounts at Google and Microsoft: connect, bring in, disconnect; what changes elsewhere is drawn anew.
import { Again } from "../again.js";
import { announce, fragment, h, part } from "../dom.js";
import { call, piece } from "../api.js";
import { enliven } from "../enliven.js";
import { follow } from "../follow.js";
import { ENDED } from "../state.js";
import { say } from "../words.js";

const BEHIND = 500; // milliseconds that the pages' memory may be behind a notice

export default function connections(root) {
  const page = root.closest("main");
  const again = new Again(redraw);
  const seen = new Map(); // import -> status

  tidyAddress(page);
  const ways = { connect, "try-again": connect, import: bringIn, disconnect };
  root.addEventListener("click", ({ target }) => {
    const button = target.closest("button[data-part]");
    const way = button && ways[button.dataset.part];
    if (way) act(button, () => way(button));
  });
  // A page that was left for the provider's, and comes back by "back", has its buttons again.
  window.addEventListener("pageshow", ({ persisted }) => persisted && again.ask());
  follow({ scope: "workspace" }, { state: take });

  // The cards change when an import from an account begins and when it ends.
  function take(state) {
    if (state.source === "file") return;
    const stage = stageOf(state);
    const row = root.querySelector(`[data-import="${CSS.escape(state.id)}"]`);
    const known = seen.get(state.id) ?? (row ? row.dataset.status : ENDED.has(state.status) && stage);
    seen.set(state.id, stage);
    if (known !== stage) setTimeout(() => again.ask(), BEHIND);
  }

  async function redraw() {
    const html = await piece(root.dataset.page ?? "/?part=sources").catch(() => null);
    if (html === null) return; // what happens next asks again
    const fresh = fragment(html);
    const focused = document.activeElement?.closest?.("[data-part='source']")?.dataset.provider;
    for (const section of fresh.querySelectorAll('[data-part="source"]')) {
      const old = root.querySelector(`[data-part="source"][data-provider="${section.dataset.provider}"]`);
      if (!old || old.isEqualNode(section)) continue;
      if (old.querySelector("details")?.open) section.querySelector("details")?.setAttribute("open", "");
      const ticked = new Set([...old.querySelectorAll("input:checked")].map(nameOf));
      for (const box of section.querySelectorAll('input[type="checkbox"]')) box.checked = ticked.has(nameOf(box));
      old.replaceWith(section);
      await enliven(section);
      if (focused === section.dataset.provider) section.querySelector("h2").focus({ preventScroll: true });
    }
    const shown = [...root.querySelectorAll("[data-import]")];
    if (shown.some(({ dataset }) => isBehind(dataset.status, seen.get(dataset.import)))) setTimeout(() => again.ask(), BEHIND);
  }

  async function act(button, run) {
    button.disabled = true;
    trouble(null);
    try {
      await run();
    } catch (error) {
      trouble(error.message);
      button.disabled = false;
    }
  }

  // To the provider's page; it sends the person back to us.
  async function connect(button) {
    const connection = button.closest("[data-connection]")?.dataset.connection;
    const others = button.parentElement.querySelector('[data-part="others"]')?.checked ?? false;
    const wanted = connection ? { connection } : { other_contacts: others };
    const { url } = await call("POST", `/api/v1/connections/${button.dataset.provider}`, wanted);
    location.assign(url);
  }

  // First the channel, so that nothing of the import can be missed.
  async function bringIn(button) {
    const entry = button.closest("[data-connection]");
    const { connection, provider: source } = entry.dataset;
    const deletions = entry.querySelector('[data-part="apply"]')?.checked ? "apply" : "show";
    const { channel } = await call("POST", "/api/v1/channels", {});
    const asked = { source, connection, channel, deletions };
    const made = await call("POST", "/api/v1/imports", asked, { headers: { "Idempotency-Key": newKey() } });
    location.assign(`/imports/${made.id}`);
  }

  async function disconnect(button) {
    const { connection, provider } = button.closest("[data-connection]").dataset;
    if (!window.confirm(button.dataset.confirm)) {
      button.disabled = false;
      return;
    }
    const { revoked, manage } = await call("DELETE", `/api/v1/connections/${connection}`);
    announce(say("connections.disconnected"));
    await redraw();
    if (!revoked) {
      const name = say(`connections.at_${provider}`);
      const link = h("a", { href: manage, target: "_blank", rel: "noopener noreferrer" }, say("connections.manage", { provider: name }));
      trouble(say("connections.not_revoked", { provider: name }), link);
    }
  }

  function trouble(text, ...more) {
    const notice = part(page, "connection-trouble");
    notice.hidden = !text;
    notice.replaceChildren(...(text ? [h("p", {}, text, " ", ...more)] : []));
  }
}

// The same as looks.stage in Python.
function stageOf(state) {
  if (state.visible) return "visible";
  return ENDED.has(state.status) ? state.status : "running";
}

// Whether the pages' memory does not yet know what a notice has told.
function isBehind(shown, told) {
  const rank = (stage) => (stage === "running" ? 0 : stage === "visible" ? 2 : 1);
  return told !== undefined && rank(shown) < rank(told);
}

function nameOf(box) {
  return `${box.closest("[data-connection]")?.dataset.connection} ${box.dataset.part}`;
}

// What was told once is not told again after a reload; whoever listens to the page hears it first.
function tidyAddress(page) {
  const told = part(page, "connected");
  if (!told) return;
  history.replaceState(history.state, "", location.pathname);
  told.focus({ preventScroll: true });
}

function newKey() {
  const random = crypto.getRandomValues(new Uint8Array(16));
  return [...random].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
