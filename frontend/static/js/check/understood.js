// What we understood of a file as a whole: kind, letters, separator, header row, dates, phone numbers.
import { h } from "../dom.js";
import { recut } from "../plan.js";
import { has, say } from "../words.js";

const DELIMITERS = { ",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", ":": "colon", "\x1f": "unit" };
const NOT_PLAIN = /[^\x00-\x7f]/; // only such letters show whether the encoding is right
const COMMON_ENCODINGS = ["utf-8", "windows-1252", "utf-16", "iso-8859-15", "macintosh"];

// change(plan) tells of a correction.
export function understood({ plan, encodings, sheets, change }) {
  const kind = has(`check.format_${plan.format}`) ? say(`check.format_${plan.format}`) : String(plan.format ?? "").toUpperCase();
  return [
    h("div", {}, h("p", { class: "small quiet" }, say("check.format")), h("p", {}, kind)),
    sheets?.length > 1 && sheet(plan, sheets, change),
    // A sheet has neither letters nor separators to choose from.
    ...(plan.encoding && plan.sheet == null ? letters(plan, encodings, change) : []),
    plan.dialect && plan.sheet == null && separator(plan, change),
    plan.dialect && headerRow(plan, change),
    plan.preamble ? h("p", { class: "small quiet" }, say("check.preamble", { n: plan.preamble })) : null,
    plan.values?.date_order && dates(plan, change),
  ].filter(Boolean);
}

function sheet(plan, sheets, change) {
  const chosen = (name) => change(recut(plan, { sheet: name, preamble: undefined, header: undefined }));
  return field(say("check.sheet"), select("sheet", sheets.map((name) => [name, name]), plan.sheet, chosen));
}

// Each way to read the file, with names as they read then; damaged text can be mended on the way.
function letters(plan, encodings, change) {
  const id = ({ encoding, repair }) => `${encoding} ${repair ?? ""}`;
  const found = encodings?.length ? encodings : [plan];
  const others = COMMON_ENCODINGS.filter((name) => found.every(({ encoding }) => encoding !== name));
  const ways = [...found, ...others.map((encoding) => ({ encoding }))];
  const options = ways.map((way) => [id(way), wayInWords(way)]);
  const chosen = (value) => {
    const { encoding, repair } = ways.find((way) => id(way) === value);
    change(recut(plan, { encoding, repair: repair ?? null }));
  };
  const sample = found.find((way) => id(way) === id(plan))?.sample;
  return [
    field(say("check.encoding"), select("encoding", options, id(plan), chosen)),
    sample && NOT_PLAIN.test(sample) && h("p", { class: "samples" }, say("check.encoding_why"), " ", h("bdi", {}, sample)),
  ];
}

function wayInWords({ encoding, repair, sample }) {
  const name = repair ? say("check.encoding_mended", { encoding }) : encoding;
  return sample && NOT_PLAIN.test(sample) ? `${name} · ${sample.slice(0, 40)}` : name;
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
    select("date_order", options, plan.values.date_order, (order) =>
      change({ ...plan, values: { ...plan.values, date_order: order } }),
    ),
  );
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
