// Writes a state into the page of one import; the server renders the same page from the same state.
import { announce, h, part, write } from "../dom.js";
import { enliven } from "../enliven.js";
import { gone } from "../gone.js";
import { format } from "../here.js";
import { Pace } from "../pace.js";
import { counts, ENDED, shares } from "../state.js";
import { reason, wayOn } from "../trouble.js";
import { say } from "../words.js";
import { showBar } from "./bar.js";

const QUIET = 10_000; // milliseconds between two sentences to those who listen

export class ImportView {
  #rows = new Pace();
  #bytes = new Pace();
  #spoken = 0;
  #told = "";

  constructor(article, clock) {
    Object.assign(this, { article, clock });
  }

  show(state) {
    const { article } = this;
    const at = this.clock() / 1000;
    this.#rows.add(at, state.rows);
    this.#bytes.add(at, state.bytes_done);
    const rows = state.rows ? "some" : "none";
    Object.assign(article.dataset, { status: state.status, version: state.version, rows });
    this.#head(state);
    this.#numbers(state);
    showBar(article, state);
    const { received, done } = shares(state);
    write(
      part(article, "received-text"),
      say("import.received", { share: format.percent(received), size: format.size(state.bytes_received) }),
    );
    write(part(article, "done-text"), say("import.done", { share: format.percent(done) }));
    write(part(article, "pace"), this.#pace(state));
    part(article, "gave-up").hidden = !state.error;
    for (const name of ["error", "gave-up-what"]) write(part(article, name), state.error?.detail ?? "");
    write(part(article, "error-title"), state.error ? reason(state.error.code) : "");
    write(part(article, "error-way"), state.error ? wayOn(state.error.code) : "");
    part(article, "gone").hidden = !gone(state);
    part(article, "gone-why").hidden = Boolean(state.deleted);
    write(part(article, "gone-what"), gone(state));
    part(article, "reconnect").hidden = state.error?.code !== "needs_consent";
    this.#speak(state, done);
  }

  connection(up) {
    part(this.article, "connection").hidden = up;
  }

  refused() {
    const line = part(this.article, "connection");
    line.hidden = false;
    write(line, say("common.refused"));
    part(this.article, "reload").hidden = false;
  }

  trouble(text) {
    announce(text);
    write(part(this.article, "pace"), text);
  }

  #head(state) {
    const { article } = this;
    write(part(article, "name"), state.name || say(`common.source.${state.source}`));
    write(part(article, "status"), say(`common.status.${state.status}`));
    const kind = { finished: "good", failed: "danger", running: "running pulse" }[state.status] ?? "";
    part(article, "status").className = `tag ${kind}`.trim();
    write(part(article, "source"), say(`common.source.${state.source}`));
    write(part(article, "size"), state.size ? format.size(state.size) : "");
    write(part(article, "by"), state.requested_by);
    const began = part(article, "began");
    if (!began.firstElementChild && state.requested_at) {
      const iso = new Date(state.requested_at * 1000).toISOString();
      began.replaceChildren(h("time", { datetime: iso, dataset: { does: "when" } }));
      enliven(began);
    }
    part(article, "problems-csv").href = `/api/v1/imports/${state.id}/problems.csv`;
    part(article, "all-contacts").href = `/contacts?import=${state.id}`;
  }

  #numbers(state) {
    const { article } = this;
    write(part(article, "rows"), format.number(state.rows));
    write(part(article, "rows-word"), say("import.rows", { n: state.rows }));
    write(part(article, "equation-rows"), format.number(state.rows));
    write(part(article, "equation-word"), say("import.rows", { n: state.rows }));
    for (const [name, count] of counts(state)) {
      write(part(article, name), format.number(count));
      write(part(article, `equation-${name}`), format.number(count));
      part(article, `counter-${name}`).classList.toggle("none", !count);
    }
    part(article, "duplicates-why").hidden = !state.duplicate;
    part(article, "problems").hidden = !state.rejected;
    write(part(article, "rejected-again"), format.number(state.rejected));
    part(article, "catching-up").hidden = state.visible;
    if (state.finished_at && state.started_at) {
      const time = format.duration(Math.ceil(state.finished_at - state.started_at));
      write(part(article, "took"), say("import.took_seconds", { time }));
    }
  }

  #pace(state) {
    if (ENDED.has(state.status)) return "";
    if (!state.rows) return say("import.begins");
    const rate = this.#rows.rate;
    if (!rate) return "";
    const left = this.#bytes.left(Math.max(state.size ?? 0, state.bytes_received));
    const told = { rate: format.number(Math.round(rate)) };
    return left && state.size ? say("import.pace_left", { ...told, left: format.duration(left) }) : say("import.pace", told);
  }

  #speak(state, done) {
    const ended = ENDED.has(state.status);
    if (ended ? this.#told === state.status : this.clock() - this.#spoken < QUIET) return;
    const first = !this.#told;
    this.#told = state.status;
    this.#spoken = this.clock();
    if (first) return; // what was there when the page came needs no announcement
    const numbers = Object.fromEntries(counts(state).map(([name, count]) => [name, format.number(count)]));
    const told = { share: format.percent(done), rows: format.number(state.rows), why: state.error?.detail ?? "", ...numbers };
    const said = say(ended ? `import.voice_${state.status}` : "import.voice", told);
    announce(ended ? `${said} ${gone(state)}`.trim() : said);
  }
}
