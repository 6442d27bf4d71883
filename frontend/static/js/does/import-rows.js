// A list of imports that stays true: each row shows its newest state, and what begins is put on top.
import { copyOf, h, part, write } from "../dom.js";
import { enliven } from "../enliven.js";
import { follow } from "../follow.js";
import { gone } from "../gone.js";
import { format } from "../here.js";
import { showBar } from "../import/bar.js";
import { counts, ENDED } from "../state.js";
import { say } from "../words.js";

export default function importRows(list) {
  const page = list.closest("main");
  const template = page.querySelector('template[data-part="row"]');

  function take(state) {
    const row = list.querySelector(`[data-import="${CSS.escape(state.id)}"]`) ?? added(state);
    if (!row || Number(row.dataset.version) >= state.version) return;
    Object.assign(row.dataset, { version: state.version, status: state.status });
    show(row, state);
  }

  function added(state) {
    if (!template) return null;
    const oldest = list.lastElementChild?.querySelector("time")?.dateTime;
    const full = list.children.length >= Number(list.dataset.keep);
    if (full && oldest && (state.requested_at ?? 0) * 1000 < Date.parse(oldest)) return null;
    const row = copyOf(template);
    Object.assign(row.dataset, { import: state.id, version: -1 });
    row.querySelector("a").href = `/imports/${state.id}`;
    list.insertBefore(row, [...list.children].find((other) => older(other, state)) ?? null);
    while (list.children.length > Number(list.dataset.keep)) list.lastElementChild.remove();
    list.hidden = false;
    for (const name of ["none", "all"]) {
      const other = part(page, name);
      if (other) other.hidden = name === "none";
    }
    return row;
  }

  const line = part(page, "connection");
  follow(
    { scope: "workspace" },
    {
      state: take,
      connection: (up) => {
        line.hidden = up;
      },
      refused: () => {
        line.hidden = false;
        write(line, say("common.refused"));
      },
    },
  );
}

function older(row, state) {
  const time = row.querySelector("time")?.dateTime;
  return time !== undefined && Date.parse(time) < (state.requested_at ?? 0) * 1000;
}

function show(row, state) {
  write(part(row, "name"), state.name || say(`common.source.${state.source}`));
  const status = part(row, "status");
  write(status, say(`common.status.${state.status}`));
  status.className = `tag ${{ finished: "good", failed: "danger", running: "running pulse" }[state.status] ?? ""}`.trim();
  write(part(row, "summary"), summary(state));
  const when = part(row, "when");
  if (!when.firstElementChild && state.requested_at) {
    const iso = new Date(state.requested_at * 1000).toISOString();
    when.replaceChildren(h("time", { datetime: iso, dataset: { does: "when" } }));
    enliven(when);
  }
  showBar(row, state);
}

function summary(state) {
  if (!ENDED.has(state.status)) return say("common.rows_so_far", { n: state.rows, rows: format.number(state.rows) });
  if (!state.rows && state.error) return state.error.detail;
  const told = counts(state).filter(([, count]) => count);
  const outcomes = told.map(([name, n]) => say(`common.outcome.${name}`, { n, count: format.number(n) }));
  return [...outcomes, gone(state)].filter(Boolean).join(" · ") || say("common.no_rows");
}
