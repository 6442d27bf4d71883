// Step two: the plan that the server made of the file's beginning, shown, corrected and confirmed.
import { send } from "../api.js";
import { h, part, write } from "../dom.js";
import { estimate } from "../estimate.js";
import { format } from "../here.js";
import { tell } from "../trouble.js";
import { say } from "../words.js";
import { columns, nameOf } from "./columns.js";
import { inside } from "./inside.js";
import { Labels } from "./labels.js";
import { mending, offered } from "./letters.js";
import { people, problems, warnings } from "./people.js";
import { understood } from "./understood.js";

export class CheckForm {
  #asking = null;
  #mine = new Set();

  // `head`: the file's first bytes (ArrayBuffer). confirmed(plan) starts the import, back() leaves.
  constructor(form, { file, head, confirmed, back }) {
    Object.assign(this, { form, file, head, confirmed, plan: null, ways: [], go: part(form, "go") });
    this.regions = JSON.parse(part(form, "regions").textContent);
    this.wide = window.matchMedia("(min-width: 761px)").matches;
    part(form, "understood-fold").open = this.wide;
    write(part(form, "check-name"), file.name);
    write(part(form, "check-size"), `(${format.size(file.size)})`);
    this.labels = new Labels(form, (labels) => this.#say({ labels }));
    for (const radio of form.elements.existing) radio.addEventListener("change", () => this.#say({ existing: radio.value }));
    part(form, "back").addEventListener("click", back);
    form.addEventListener("submit", (event) => this.#submit(event));
  }

  // Shows how the file is understood; with a plan, what it says is kept. Throws Problem for the first look.
  async look(plan) {
    this.#asking?.abort();
    this.#asking = new AbortController();
    const body = part(this.form, "check-body");
    body.classList.add("busy");
    body.setAttribute("aria-busy", "true");
    this.go.disabled = true;
    try {
      this.shown = await this.#preview(plan, this.#asking.signal);
      this.#show(this.shown);
      this.trouble(null);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!this.shown) throw error;
      // That correction does not work: everything stays as it was.
      this.#show(this.shown);
      this.trouble(error);
    }
    body.classList.remove("busy");
    body.removeAttribute("aria-busy");
  }

  // Says what went wrong, and what can be done; null takes it away.
  trouble(error, ways = {}) {
    const notice = part(this.form, "check-trouble");
    tell(notice, error, ways);
    if (error) notice.scrollIntoView({ block: "center" });
  }

  ready(word = null) {
    this.go.disabled = word !== null;
    write(this.go, word ?? this.goWord);
  }

  async #preview(plan, signal) {
    const query = new URLSearchParams({ name: this.file.name, size: this.file.size });
    let body = this.head;
    if (plan) {
      body = new FormData();
      body.append("head", new Blob([this.head]), "head");
      body.append("plan", JSON.stringify(plan));
    }
    const headers = plan ? {} : { "Content-Type": "application/octet-stream" };
    const response = await send(`/api/v1/previews?${query}`, { method: "POST", headers, body, signal });
    return response.json();
  }

  #show(preview) {
    // Labels and the choice for existing people may have changed while the server was asked.
    const { labels, existing } = this.plan ?? preview.plan;
    this.plan = { ...preview.plan, labels, existing };
    const focused = this.#focus();
    const change = (plan, index) => {
      if (index === undefined) this.#mine.clear();
      else this.#mine.add(index);
      this.plan = plan;
      this.look(plan);
    };
    const { plan, regions } = this;
    this.ways = offered(this.ways, preview.encodings);
    part(this.form, "understood").replaceChildren(...understood({ plan, preview, ways: this.ways, regions, change }));
    this.#showMiddle(preview, change);
    part(this.form, "first").replaceChildren(people(preview.contacts));
    this.#notice("check-before", before(preview.before));
    this.#notice("check-mend", mending(plan, preview.encodings, change));
    this.#showOdd(preview);
    if (document.activeElement !== this.labels.input) this.labels.show(this.plan.labels ?? []);
    for (const radio of this.form.elements.existing) radio.checked = radio.value === (this.plan.existing ?? "fill");
    this.#count(preview);
    focused();
  }

  // The columns, or of a file that has none what is in it.
  #showMiddle(preview, change) {
    const { columns: found, members } = preview;
    const open = new Map([...this.form.querySelectorAll("[data-fold]")].map((fold) => [fold.dataset.fold, fold.open]));
    const place = part(this.form, "columns");
    const title = found.length ? "columns" : members ? "files" : "inside";
    write(part(this.form, "columns-title"), say(`check.${title}`));
    const count = found.length ? say("check.columns_count", { n: found.length }) : "";
    write(part(this.form, "columns-count"), count);
    place.closest("section").classList.toggle("narrow", !found.length);
    if (!found.length) return place.replaceChildren(inside(preview));
    place.replaceChildren(...columns({ plan: this.plan, found, mine: this.#mine, wide: this.wide, change }));
    for (const fold of place.querySelectorAll("[data-fold]")) fold.open = open.get(fold.dataset.fold) ?? fold.open;
    return undefined;
  }

  #notice(name, words) {
    const notice = part(this.form, name);
    notice.hidden = !words;
    notice.replaceChildren(...(words ?? []));
  }

  #showOdd({ columns: found, problems: bad, warnings: odd }) {
    const headers = new Map(found.map((column) => [column.index, nameOf(column)]));
    part(this.form, "check-problems").hidden = !bad.length;
    part(this.form, "check-problems-list").replaceChildren(...problems(bad, headers));
    part(this.form, "check-odd").hidden = !odd.length;
    part(this.form, "check-odd-list").replaceChildren(...warnings(odd));
  }

  #count(preview) {
    const { rows, exact, people: counted } = this.#estimate(preview);
    const key = counted ? "people" : "rows";
    this.goWord = exact
      ? say(`check.go_${key}`, { n: rows, [key]: format.number(rows) })
      : say("check.go_about", { n: rows, people: format.about(rows) });
    this.ready(rows ? null : say("check.go_nobody"));
  }

  // Whoever is in a container was counted by the server; lines of a text are counted here, all that were looked at.
  #estimate({ estimated_rows: rows, members, contacts, problems: bad }) {
    if (members) return { rows, exact: rows === contacts.length + bad.length, people: true };
    if (this.plan.sheet != null) return { rows, exact: true };
    const decoder = decoderOf(this.plan.encoding);
    if (!decoder) return { rows, exact: false };
    const counted = estimate(decoder.decode(this.head), this.head.byteLength, this.file.size, this.plan);
    return { ...counted, people: !this.plan.columns, rows: Math.max(counted.rows, contacts.length ? 1 : 0) };
  }

  // Remembers which field has the focus, so that drawing anew does not take it away from the keyboard.
  #focus() {
    const active = document.activeElement;
    const column = active?.closest?.("[data-column]");
    if (!this.form.contains(active)) return () => {};
    if (!column) return () => active.name && this.form.querySelector(`${active.localName}[name="${active.name}"]:is(select, :checked)`)?.focus();
    const nth = [...column.querySelectorAll("select")].indexOf(active);
    return () => this.form.querySelectorAll(`[data-column="${column.dataset.column}"] select`)[nth]?.focus();
  }

  #say(changes) {
    this.plan = { ...this.plan, ...changes };
  }

  #submit(event) {
    event.preventDefault();
    if (this.plan && !this.go.disabled) this.confirmed(this.plan);
  }
}

// The same file was imported before: said, and no reason to stop.
function before(found) {
  if (!found) return null;
  const told = say("check.before", { day: format.day(found.at), by: found.by, name: found.name });
  return [
    h("p", {}, h("strong", {}, h("bdi", {}, told)), ` ${say("check.before_why")}`),
    h("a", { class: "button small", href: `/imports/${found.id}` }, say("check.before_look")),
  ];
}

// Null for the few encodings that browsers do not know.
function decoderOf(encoding) {
  try {
    return new TextDecoder(encoding ?? "utf-8");
  } catch {
    return null;
  }
}
