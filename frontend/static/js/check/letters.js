// Which encoding a file has: the ways to read it, each with names as they read then, and damaged text mended.
import { h } from "../dom.js";
import { recut } from "../plan.js";
import { has, say } from "../words.js";

const NOT_PLAIN = /[^\x00-\x7f]/; // only such letters show whether the encoding is right
const USUAL = ["utf-8", "windows-1252", "windows-1250", "windows-1251", "utf-16", "iso-8859-15", "macintosh", "shift_jis"];

// The ways that were offered so far and those of a new answer, in an order that stays: nobody's line jumps away.
export function offered(known, found) {
  const fresh = found.filter((way) => !known.some((one) => isOf(one, way)));
  return [...known.map((one) => found.find((way) => isOf(one, way)) ?? one), ...fresh];
}

// `found` are the ways that were offered; change(plan) tells of another one.
export function letters(plan, found, change) {
  const ways = found?.length ? found : [plan];
  const telling = ways.length > 1 && ways.some(({ sample }) => NOT_PLAIN.test(sample ?? ""));
  const use = ({ encoding, repair }) => change(recut(plan, { encoding, repair: repair ?? null }));
  const others = USUAL.filter((name) => ways.every(({ encoding }) => encoding !== name));
  if (!telling) return [one(plan, ways[0], others, use)];
  return [
    h(
      "fieldset",
      { class: "letters" },
      h("legend", { class: "small quiet" }, say("check.encoding")),
      h("p", { class: "small quiet" }, say("check.encoding_why")),
      ways.map((way) => choice(way, isOf(way, plan), () => use(way))),
    ),
    more(others, use),
  ];
}

// Letters that were damaged before the file came here, and the way that mends them; null when nothing is to be done.
export function mending(plan, found, change) {
  const way = !plan.repair && found?.find(({ repair }) => repair);
  if (!way) return null;
  const mended = h("bdi", {}, way.sample);
  const mend = () => change(recut(plan, { encoding: way.encoding, repair: way.repair }));
  return [
    h("p", {}, h("strong", {}, say("check.damaged")), ` ${say("check.damaged_why")} `, mended),
    h("button", { class: "button small", type: "button", onclick: mend }, say("check.mend")),
  ];
}

function isOf(way, plan) {
  return way.encoding === plan.encoding && (way.repair ?? null) === (plan.repair ?? null);
}

function choice(way, checked, chosen) {
  return h(
    "label",
    { class: "letter" },
    h("input", { type: "radio", name: "encoding", value: `${way.encoding} ${way.repair ?? ""}`.trim(), checked, onchange: chosen }),
    h("bdi", {}, way.sample || say("check.encoding_nothing")),
    h("small", {}, way.repair && `${say("check.mended")} · `, kindOf(way), h("span", { class: "nowrap" }, way.encoding)),
  );
}

// Plain letters read the same in nearly every encoding: one line is enough.
function one(plan, way, others, use) {
  const names = [way.encoding, ...others];
  const made = h(
    "select",
    { name: "encoding", onchange: () => use({ encoding: made.value }) },
    names.map((name) => h("option", { value: name, selected: name === plan.encoding }, nameOf({ encoding: name }))),
  );
  const sample = NOT_PLAIN.test(way.sample ?? "") && h("p", { class: "samples" }, h("bdi", {}, way.sample));
  return h("div", { class: "stack tight" }, h("label", { class: "field" }, h("span", { class: "small quiet" }, say("check.encoding")), made), sample);
}

function more(others, use) {
  const made = h(
    "select",
    { name: "other_encoding", "aria-label": say("check.encoding_other"), onchange: () => made.value && use({ encoding: made.value }) },
    h("option", { value: "", selected: true }, say("check.encoding_other")),
    others.map((name) => h("option", { value: name }, nameOf({ encoding: name }))),
  );
  return made;
}

function nameOf(way) {
  return `${kindOf(way) || ""}${way.encoding}`;
}

function kindOf({ encoding }) {
  return has(`check.encodings.${encoding}`) && `${say(`check.encodings.${encoding}`)} · `;
}
