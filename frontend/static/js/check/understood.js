// What we understood of a file as a whole: kind, letters, separator, header row, dates, phone numbers.
import { countryName } from "../country.js";
import { h } from "../dom.js";
import { recut } from "../plan.js";
import { has, say } from "../words.js";
import { letters } from "./letters.js";

const DELIMITERS = { ",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", ":": "colon", "\x1f": "unit" };

// `preview` is the server's answer, `ways` are all encodings it offered so far, `regions` the countries that numbers may
// be of; change(plan) corrects.
export function understood({ plan, preview, ways, regions, change }) {
  const { sheets, warnings } = preview;
  // A sheet has neither letters nor separators to choose from.
  const text = plan.sheet == null;
  const local = plan.values?.phone_region || warnings.some(({ code }) => code === "phone_doubtful");
  return [
    h("div", {}, h("p", { class: "small quiet" }, say("check.format")), h("p", {}, kindOf(plan.format))),
    sheets?.length > 1 && sheet(plan, sheets, change),
    ...(text && plan.encoding ? letters(plan, ways, change) : []),
    text && plan.dialect && separator(plan, change),
    plan.dialect && headerRow(plan, change),
    plan.preamble ? h("p", { class: "small quiet" }, say("check.preamble", { n: plan.preamble })) : null,
    plan.values?.date_order && dates(plan, change),
    local && region(plan, regions, change),
  ].filter(Boolean);
}

export function kindOf(format) {
  return has(`check.formats.${format}`) ? say(`check.formats.${format}`) : String(format ?? "").toUpperCase();
}

function sheet(plan, sheets, change) {
  const chosen = (name) => change(recut(plan, { sheet: name, preamble: undefined, header: undefined }));
  return field(say("check.sheet"), select("sheet", sheets.map((name) => [name, name]), plan.sheet, chosen));
}

function separator(plan, change) {
  const options = Object.entries(DELIMITERS).map(([mark, word]) => [mark, say(`check.delimiters.${word}`)]);
  return field(
    say("check.delimiter"),
    select("delimiter", options, plan.dialect.delimiter, (delimiter) =>
      change(recut(plan, { dialect: { ...plan.dialect, delimiter } })),
    ),
  );
}

function headerRow(plan, change) {
  const most = Math.max(1, plan.header ?? 0);
  const options = [0, 1, 2, 3].filter((n) => n <= most).map((n) => [String(n), say(`check.header_${n}`)]);
  return field(
    say("check.header"),
    select("header", options, String(plan.header ?? 0), (header) => change(recut(plan, { header: Number(header) }))),
  );
}

function dates(plan, change) {
  const options = ["dmy", "mdy", "ymd"].map((order) => [order, say(`check.date_${order}`)]);
  return field(
    say("check.date_order"),
    select("date_order", options, plan.values.date_order, (order) => change(valued(plan, { date_order: order }))),
  );
}

function region(plan, regions, change) {
  const named = regions.map((code) => [code, countryName(code)]).sort(([, one], [, other]) => one.localeCompare(other));
  const options = [["", say("check.no_region")], ...named];
  return field(
    say("check.phone_region"),
    select("phone_region", options, plan.values?.phone_region ?? "", (code) => change(valued(plan, { phone_region: code }))),
  );
}

function valued(plan, changes) {
  const values = { ...plan.values, ...changes };
  if (!values.phone_region) delete values.phone_region;
  return { ...plan, values };
}

function field(name, control) {
  return h("label", { class: "field" }, h("span", { class: "small quiet" }, name), control);
}

function select(name, options, current, chosen) {
  const made = h(
    "select",
    { name, onchange: () => chosen(made.value) },
    options.map(([value, word]) => h("option", { value, selected: value === current }, word)),
  );
  return made;
}
