// Step two: the plan that the server made of the file's beginning, shown, corrected and confirmed.
import { send } from "../api.js";
import { h, part, write } from "../dom.js";
import { estimate } from "../estimate.js";
import { format } from "../here.js";
import { say } from "../words.js";
import { columns, nameOf } from "./columns.js";
import { Labels } from "./labels.js";
import { people, problems } from "./people.js";
import { understood } from "./understood.js";

export class CheckForm {
  #asking = null;
  #mine = new Set();

  // `head`: the file's first bytes (ArrayBuffer). confirmed(plan) starts the import, back() leaves.
  constructor(form, { file, head, confirmed, back }) {
    Object.assign(this, { form, file, head, confirmed, plan: null, go: part(form, "go") });
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
    try {
      this.#show(await this.#preview(plan, this.#asking.signal));
      this.trouble(null);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!this.plan) throw error;
      this.trouble(error.message);
    }
    body.classList.remove("busy");
    body.removeAttribute("aria-busy");
  }

  trouble(text) {
    const notice = part(this.form, "check-trouble");
    notice.hidden = !text;
    notice.replaceChildren(...(text ? [h("p", {}, text)] : []));
    if (text) notice.scrollIntoView({ block: "nearest" });
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
    const { encodings, sheets } = preview;
    part(this.form, "understood").replaceChildren(...understood({ plan: this.plan, encodings, sheets, change }));
    // Cards have no columns.
    part(this.form, "columns").closest("section").hidden = !preview.columns.length;
    part(this.form, "columns").replaceChildren(
      ...columns({ plan: this.plan, found: preview.columns, mine: this.#mine, change }),
    );
    write(part(this.form, "columns-count"), say("check.columns_count", { n: preview.columns.length }));
    part(this.form, "first").replaceChildren(people(preview.contacts));
    this.#showProblems(preview);
    if (document.activeElement !== this.labels.input) this.labels.show(this.plan.labels ?? []);
    for (const radio of this.form.elements.existing) radio.checked = radio.value === (this.plan.existing ?? "fill");
    this.#count();
    focused();
  }

  #showProblems({ columns: found, problems: told }) {
    const headers = new Map(found.map((column) => [column.index, nameOf(column)]));
    part(this.form, "check-problems").hidden = !told.length;
    part(this.form, "check-problems-list").replaceChildren(...problems(told.slice(0, 10), headers));
  }

  #count() {
    const text = new TextDecoder(decoder(this.plan.encoding)).decode(this.head);
    const { rows, exact } = estimate(text, this.head.byteLength, this.file.size, this.plan);
    this.goWord = exact
      ? say("check.go_rows", { n: rows, rows: format.number(rows) })
      : say("check.go_about", { rows: format.about(rows) });
    this.ready();
  }

  // Remembers which field has the focus, so that drawing anew does not take it away from the keyboard.
  #focus() {
    const active = document.activeElement;
    const column = active?.closest?.("[data-column]");
    if (!this.form.contains(active)) return () => {};
    if (!column) return () => active.name && this.form.elements[active.name]?.focus?.();
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

function decoder(encoding) {
  try {
    new TextDecoder(encoding ?? "utf-8");
    return encoding ?? "utf-8";
  } catch {
    return "utf-8"; // counting line ends works with a neighbour as well
  }
}
