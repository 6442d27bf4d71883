// Contacts: search as you type, filters without a reload, and the chosen contact beside the list on wide screens.
import { piece } from "../api.js";
import { announce, fragment, part } from "../dom.js";
import { enliven } from "../enliven.js";

const PAUSE = 150;

export default function contacts(root) {
  const form = part(root, "search");
  const field = part(root, "q");
  const wide = window.matchMedia("(min-width: 960px)");
  let typing = 0;
  let asking = null;

  // Shows what an address finds; the address bar follows, so that back and sharing work.
  async function show(address, { keep = "push" } = {}) {
    asking?.abort();
    asking = new AbortController();
    const url = new URL(address, location.href);
    if (keep === "push") history.pushState({}, "", url);
    if (keep === "replace") history.replaceState({}, "", url);
    const wanted = new URL(url);
    wanted.searchParams.set("part", "found");
    const found = part(root, "found");
    found.setAttribute("aria-busy", "true");
    try {
      const html = await piece(wanted, { signal: asking.signal });
      found.replaceChildren(fragment(html));
      found.removeAttribute("aria-busy");
      follow(url);
      enliven(found);
      announce(part(found, "total")?.textContent ?? "");
      chooseFirst();
    } catch (error) {
      if (error.name !== "AbortError") announce(error.message);
    }
  }

  // Hidden fields and export links say what the address says.
  function follow(url) {
    for (const hidden of form.querySelectorAll('input[type="hidden"]')) hidden.remove();
    for (const [name, value] of url.searchParams) {
      if (name === "q" || name === "after") continue;
      const hidden = Object.assign(document.createElement("input"), { type: "hidden", name, value });
      form.append(hidden);
    }
    for (const link of root.querySelectorAll('[data-part="export"]')) link.search = url.search;
  }

  function wanted() {
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    return `/contacts${query.size ? `?${query}` : ""}`;
  }

  // Which contact is beside the list is a moment's choice; its own address is its link.
  async function choose(link) {
    const beside = part(root, "beside");
    if (!beside || !wide.matches) return;
    if (link.getAttribute("aria-current") === "true") return;
    for (const other of root.querySelectorAll("a[data-contact][aria-current]")) other.removeAttribute("aria-current");
    link.setAttribute("aria-current", "true");
    try {
      beside.replaceChildren(fragment(await piece(`${link.pathname}?part=contact`)));
      beside.scrollTop = 0;
      enliven(beside);
    } catch (error) {
      announce(error.message);
    }
  }

  function chooseFirst() {
    const first = root.querySelector("a[data-contact]");
    if (first && wide.matches) choose(first);
  }

  field.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => show(wanted(), { keep: "replace" }), PAUSE);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(typing);
    show(wanted());
  });
  root.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    if (link.dataset.contact && wide.matches && link.getAttribute("aria-current") !== "true") {
      event.preventDefault();
      choose(link);
    } else if (link.closest('[data-part="chips"]')) {
      event.preventDefault();
      show(link.href);
    }
  });
  root.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const links = [...root.querySelectorAll("a[data-contact]")];
    const at = links.indexOf(document.activeElement);
    if (at < 0 && document.activeElement !== field) return;
    const next = links[at + (event.key === "ArrowDown" ? 1 : -1)] ?? (event.key === "ArrowUp" ? field : null);
    if (!next) return;
    event.preventDefault();
    next.focus();
    if (next !== field) choose(next);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.matches("input, select, textarea")) return;
    event.preventDefault();
    field.focus();
  });
  window.addEventListener("popstate", () => {
    field.value = new URL(location.href).searchParams.get("q") ?? "";
    show(location.href, { keep: "no" });
  });
  chooseFirst();
}
