// The columns of a file: header, samples, where it goes and why; those we are unsure of first.
import { h } from "../dom.js";
import { choiceOf, columnOf, GROUPS, KINDS, withChoice, withKind, wordOf } from "../plan.js";
import { say } from "../words.js";

const SURE = 0.9;
const LIKELY = 0.6;
const FEW = 3; // so many empty columns are no burden to look at

// `found` are the preview's columns, `mine` the indexes that the person decided; change(plan, index) tells.
// Folds are open where there is room for them (`wide`).
export function columns({ plan, found, mine, wide, change }) {
  const unsure = found.filter((column) => !mine.has(column.index) && confidence(column) < LIKELY && !isEmpty(column));
  const rest = found.filter((column) => !unsure.includes(column));
  const blank = rest.filter((column) => isEmpty(column) && !mine.has(column.index));
  const empty = blank.length > FEW ? blank : [];
  const clear = rest.filter((column) => !empty.includes(column));
  const list = (some) => h("ul", { class: "card flush column-list" }, some.map((column) => row(plan, column, mine, change)));
  const fold = (name, some, open) =>
    h("details", { open, dataset: { fold: name } }, h("summary", {}, say(`check.${name}`, { n: some.length })), list(some));
  const parts = [];
  if (unsure.length) parts.push(h("h3", {}, say("check.unsure", { n: unsure.length })), list(unsure));
  if (clear.length) parts.push(wide && !unsure.length ? list(clear) : fold("clear", clear, wide));
  if (empty.length) parts.push(fold("empty", empty, false));
  return parts;
}

function confidence(column) {
  return typeof column.confidence === "number" ? column.confidence : 0;
}

function isEmpty(column) {
  return !column.samples?.some(Boolean);
}

export function nameOf(column) {
  return column.header?.trim() || say("check.unnamed", { n: column.index + 1 });
}

function row(plan, column, mine, change) {
  const planned = columnOf(plan, column.index);
  const choice = choiceOf(planned);
  const out = choice === "none";
  const kinds = planned && leads(plan, planned) ? KINDS[planned.field] : undefined;
  const samples = (column.samples ?? []).filter(Boolean).slice(0, 3);
  const choose = (chosen) => change(withChoice(plan, column.index, chosen, column.header), column.index);
  return h(
    "li",
    { class: out ? "out" : null, dataset: { column: column.index } },
    h(
      "div",
      {},
      h("p", { class: "header clip" }, h("bdi", {}, nameOf(column))),
      h(
        "div",
        { class: "samples" },
        samples.length
          ? samples.map((sample) => h("span", {}, h("bdi", {}, sample)))
          : h("span", {}, say("check.empty_column")),
      ),
    ),
    h(
      "div",
      { class: kinds ? "goes with-kind" : "goes" },
      choices(choice, column, choose),
      kinds && kindChoice(planned, kinds, column, (kind) => change(withKind(plan, column.index, kind), column.index)),
      why(column, out, mine),
      !mine.has(column.index) && confidence(column) < LIKELY && instead(column, choice, choose),
    ),
  );
}

// The first column of a slot shows the kind of all of them; a column that says the kind itself needs no choice.
function leads(plan, planned) {
  const together = plan.columns.filter((other) => other.field === planned.field && other.slot === planned.slot);
  return together[0] === planned && !together.some((other) => other.part === "label");
}

function choices(current, column, chosen) {
  const select = h(
    "select",
    { "aria-label": say("check.goes_to", { header: nameOf(column) }), onchange: () => chosen(select.value) },
    Object.entries(GROUPS).map(([group, members]) =>
      h(
        "optgroup",
        { label: say(`check.groups.${group}`) },
        members.map((member) => h("option", { value: member, selected: member === current }, label(member))),
      ),
    ),
  );
  return select;
}

function label(choice) {
  return choice === "none" || choice === "custom" ? say(`check.${choice}`) : say(`field.${wordOf(choice)}`);
}

function kindChoice(planned, kinds, column, chosen) {
  const known = kinds.includes(planned.label ?? "") || !planned.label ? kinds : [planned.label, ...kinds];
  const word = (kind) => (kinds.includes(kind) ? say(`check.kinds.${kind}`) : kind);
  const select = h(
    "select",
    { "aria-label": say("check.kind_of", { header: nameOf(column) }), onchange: () => chosen(select.value) },
    h("option", { value: "" }, say("check.no_kind")),
    known.map((kind) => h("option", { value: kind, selected: kind === planned.label }, word(kind))),
  );
  return select;
}

function why(column, out, mine) {
  if (mine.has(column.index)) return reason(out ? "out" : "sure", say("check.yours"), "");
  const told = column.reason ?? "";
  if (out) return reason("out", say("check.left_out"), told);
  const level = confidence(column) >= SURE ? "sure" : confidence(column) >= LIKELY ? "likely" : "guess";
  return reason(level, say(`check.${level}`), told);
}

function reason(level, word, told) {
  return h("p", { class: "why" }, h("span", { class: `dot ${level}`, "aria-hidden": "true" }), told ? `${word}: ${told}` : word);
}

// What an unsure column may be as well, each one press away; and to leave it as it is, or out.
function instead(column, current, choose) {
  const known = new Set(Object.values(GROUPS).flat());
  const others = (column.others ?? []).map(choiceOf);
  const offered = [...new Set([...others, "custom", "none"])].filter((other) => known.has(other) && other !== current);
  return h(
    "p",
    { class: "instead" },
    offered.slice(0, 3).map((other) =>
      h(
        "button",
        { type: "button", class: "chip", "aria-label": say("check.instead", { header: nameOf(column), field: label(other) }), onclick: () => choose(other) },
        label(other),
      ),
    ),
  );
}
