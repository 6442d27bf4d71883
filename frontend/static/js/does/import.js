// The home page's way from a file to a running import: choose or drop, check, confirm, send.
import { call, Problem, showSignedIn } from "../api.js";
import { CheckForm } from "../check/form.js";
import { copyOf, h, part, write } from "../dom.js";
import { enliven } from "../enliven.js";
import { follow } from "../follow.js";
import { format } from "../here.js";
import { pasting } from "../pasting.js";
import { begin, unfinished, uploadOf } from "../sending.js";
import { awaitsBytes, shares } from "../state.js";
import { tell } from "../trouble.js";
import { printOf } from "../unfinished.js";
import { say } from "../words.js";

const HEAD = 262_144; // bytes of a file that say how to understand it
const WHOLE = 67_108_864; // bytes of a workbook or archive, which is understood from all of it
const PACKED = ["80 75 3 4", "80 75 5 6", "208 207 17 224"]; // how such files begin
const PATIENCE = 3_000; // milliseconds that an import waits for its live updates to stand

export default function importing(home) {
  if (home.dataset.mayImport !== "yes") return;
  const main = home.parentElement;
  // A connected account has a button of the name of one of them.
  const template = (name) => main.querySelector(`template[data-part="${name}"]`);
  const templates = { check: template("check"), import: template("import") };
  const heading = document.title;
  let shown = home;
  let chosen = null;

  acceptDrops(choose);
  const input = part(home, "file");
  const chooseGiven = () => input.files[0] && choose(input.files[0]);
  input.addEventListener("change", chooseGiven);
  part(home, "sample")?.addEventListener("click", async ({ target }) => {
    target.disabled = true;
    try {
      const blob = await (await fetch(target.dataset.url)).blob();
      choose(new File([blob], "sample-1000-people.csv", { type: "text/csv" }));
    } finally {
      target.disabled = false;
    }
  });
  const paste = pasting(part(home, "paste"), choose);
  part(home, "paste-open").addEventListener("click", () => paste());
  tellUnfinished(home);
  chooseGiven(); // somebody was quicker than this script

  async function choose(file) {
    input.value = "";
    trouble(null);
    try {
      const head = await file.slice(0, HEAD).arrayBuffer();
      const packed = PACKED.includes(new Uint8Array(head.slice(0, 4)).join(" "));
      refuse(file, packed);
      const print = await printOf(file.size, head);
      if (await goesOn(file, print)) return;
      chosen = { file, head: packed ? await file.arrayBuffer() : head, print, key: newKey() };
      await check();
    } catch (error) {
      show(home);
      trouble(error, { file: file.name, again: () => choose(file) });
    }
  }

  // What the server would refuse is told before anything is sent.
  function refuse(file, packed) {
    if (!file.size) throw new Problem(0, "empty", "");
    const most = packed ? WHOLE : Number(home.dataset.limit);
    if (file.size <= most) return;
    const sizes = { size: format.size(file.size), most: format.size(most) };
    throw new Problem(0, "too_large", say(packed ? "trouble.too_large_packed" : "trouble.too_large", sizes));
  }

  // The same file, begun before: it goes on where it stopped, without being asked again.
  async function goesOn(file, print) {
    const entry = print && unfinished.find({ size: file.size, print });
    if (!entry || uploadOf(entry.id)) return false;
    const state = await call("GET", `/api/v1/imports/${entry.id}`).catch(() => null);
    if (!state || !awaitsBytes(state)) {
      unfinished.forget(entry.id);
      return false;
    }
    begin({ id: entry.id, url: entry.url, file, print, offset: null });
    await goLive(state);
    return true;
  }

  async function check() {
    const form = copyOf(templates.check);
    const checking = new CheckForm(form, {
      ...chosen,
      confirmed: (plan) => start(checking, plan),
      back: () => history.back(),
    });
    home.setAttribute("aria-busy", "true");
    try {
      await checking.look(null);
    } finally {
      home.removeAttribute("aria-busy");
    }
    history.pushState({ step: "check" }, "", "/#check");
    show(form, `${say("check.heading")} · Addressbus`);
    part(form, "check-title").focus({ preventScroll: true });
  }

  // First the channel, so that nothing of the import can be missed; then the import; then the bytes.
  async function start(checking, plan) {
    checking.trouble(null);
    checking.ready(say("check.starting"));
    try {
      chosen.channel ??= await withPatience(follow({}));
      const { file: sent, key, print, channel } = chosen;
      const asked = { source: "file", name: sent.name, size: sent.size, channel: channel ?? undefined, plan };
      const made = await call("POST", "/api/v1/imports", asked, { headers: { "Idempotency-Key": key } });
      showSignedIn();
      begin({ id: made.id, url: new URL(made.upload.url, location.href).pathname, file: sent, print });
      await goLive(made.state);
    } catch (error) {
      if (error.code === "idempotency_mismatch") chosen.key = newKey(); // the plan was changed since the last try
      checking.ready();
      checking.trouble(error, { again: () => start(checking, plan), another: () => history.back() });
    }
  }

  async function goLive(state) {
    const article = copyOf(templates.import);
    article.dataset.import = state.id;
    article.dataset.channel = state.channel ?? "";
    write(part(article, "state"), JSON.stringify(state));
    const address = `/imports/${state.id}`;
    if (shown === home) history.pushState({ step: "live" }, "", address);
    else history.replaceState({ step: "live" }, "", address);
    show(article, `${state.name} · Addressbus`);
    await enliven(article);
    part(article, "title").focus({ preventScroll: true });
  }

  function show(view, title = heading) {
    if (shown !== view) shown.replaceWith(view);
    shown = view;
    document.title = title;
    window.scrollTo(0, 0);
  }

  window.addEventListener("popstate", () => {
    if (location.pathname === "/") show(home);
    else location.reload();
  });

  function trouble(error, ways) {
    const notice = part(home, "trouble");
    tell(notice, error, { ...ways, another: () => input.click(), paste });
    if (error) notice.scrollIntoView({ block: "center" });
  }
}

function acceptDrops(choose) {
  let depth = 0;
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle("dragging", depth > 0);
  };
  const isFile = (event) => event.dataTransfer?.types.includes("Files");
  window.addEventListener("dragenter", (event) => isFile(event) && mark(1));
  window.addEventListener("dragleave", (event) => isFile(event) && mark(-1));
  window.addEventListener("dragover", (event) => isFile(event) && event.preventDefault());
  window.addEventListener("drop", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    mark(-depth);
    if (event.dataTransfer.files[0] && location.pathname === "/") choose(event.dataTransfer.files[0]);
  });
}

// A file that was begun in this browser and still waits for its rest.
async function tellUnfinished(home) {
  const entry = unfinished.all()[0];
  if (!entry) return;
  const state = await call("GET", `/api/v1/imports/${entry.id}`).catch(() => null);
  if (!state || !awaitsBytes(state)) {
    unfinished.forget(entry.id);
    return;
  }
  const share = format.percent(shares(state).received);
  const notice = part(home, "unfinished");
  notice.append(
    h("p", {}, say("sending.unfinished", { name: entry.name, share })),
    h("a", { class: "button small", href: `/imports/${entry.id}` }, say("sending.look")),
  );
  notice.hidden = false;
}

// Live updates are good to have; an import does not wait for them longer than this.
function withPatience(promise) {
  const late = new Promise((resolve) => setTimeout(() => resolve(null), PATIENCE));
  return Promise.race([promise, late]);
}

function newKey() {
  const random = crypto.getRandomValues(new Uint8Array(16));
  return [...random].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
