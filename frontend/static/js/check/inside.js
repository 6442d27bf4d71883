// What is in a file that has no columns: the kinds of values of its first cards, or the files of an archive.
import { h } from "../dom.js";
import { format } from "../here.js";
import { title } from "../person.js";
import { has, say } from "../words.js";
import { kindOf } from "./understood.js";

const KINDS = [
  ["name", (contact) => contact.given || contact.family || (contact.name && title(contact) === contact.name)],
  ...["emails", "phones", "addresses", "company", "title", "birthday", "urls", "labels", "notes", "custom"].map((kind) => [
    kind,
    (contact) => contact[kind] && Object.keys(contact[kind]).length,
  ]),
];

export function inside({ contacts, members }) {
  return members ? files(members) : values(contacts);
}

function files(members) {
  return h(
    "ul",
    { class: "card flush inside" },
    members.map((member) =>
      h(
        "li",
        { class: member.code ? "out" : null },
        h("p", { class: "clip" }, h("strong", {}, h("bdi", {}, member.name))),
        h("p", { class: "small quiet" }, member.code ? whyNot(member) : about(member)),
      ),
    ),
  );
}

function about({ format: kind, estimated_rows: rows }) {
  return say("check.member", { kind: kindOf(kind), n: rows, people: format.about(rows) });
}

function whyNot({ code, detail }) {
  return say("check.member_out", { why: detail || (has(`codes.${code}`) ? say(`codes.${code}`) : "") });
}

function values(contacts) {
  const most = contacts.length;
  const counted = KINDS.map(([kind, holds]) => [kind, contacts.filter((contact) => holds(contact)).length]).filter(([, n]) => n);
  return h(
    "ul",
    { class: "card flush inside values-found" },
    counted.map(([kind, n]) =>
      h(
        "li",
        {},
        h("span", {}, say(`check.found.${kind}`)),
        h("span", { class: "quiet small" }, n === most ? say("check.in_all", { n: most }) : say("check.in_some", { n: most, some: n })),
      ),
    ),
  );
}
