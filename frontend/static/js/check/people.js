// The first people of a file, exactly as they will be, the rows that will not come in, and what looks odd.
import { countryName } from "../country.js";
import { h } from "../dom.js";
import { format } from "../here.js";
import { initials, title, tone, work } from "../person.js";
import { has, say } from "../words.js";

const SHOWN = 5; // rows of one reason

export function people(contacts) {
  if (!contacts.length) return h("p", { class: "notice warm" }, say("check.no_first"));
  return h("ul", { class: "first-cards" }, contacts.slice(0, 6).map(card));
}

function card(contact) {
  const lines = [
    work(contact),
    ...(contact.emails ?? []).map((email) => email.value),
    ...(contact.phones ?? []).map((phone) => phone.value || phone.raw),
    ...(contact.addresses ?? []).map(addressLine),
    ...(contact.urls ?? []).map((url) => url.value),
    contact.birthday && format.birthday(contact.birthday),
    ...Object.entries(contact.custom ?? {}).map(([key, value]) => `${key}: ${value}`),
  ].filter(Boolean);
  return h(
    "li",
    {},
    h("span", { class: `sign tone-${tone(contact)}`, "aria-hidden": "true" }, initials(contact)),
    h(
      "div",
      {},
      h("strong", { class: "clip" }, h("bdi", {}, title(contact))),
      lines.map((line) => h("p", { class: "quiet" }, h("bdi", {}, line))),
      contact.labels?.length > 0 && h("p", { class: "row tags" }, contact.labels.map((label) => h("span", { class: "tag" }, h("bdi", {}, label)))),
    ),
  );
}

function addressLine({ street, postal_code: code, city, region, country }) {
  const town = [code, city].filter(Boolean).join(" ");
  const streets = (street ?? "").split("\n").filter(Boolean).join(", ");
  return [streets, town, region, country && countryName(country)].filter(Boolean).join(", ");
}

// Rows that will not come in, those with the same reason together. `headers` name the columns by index.
export function problems(found, headers) {
  return groupsOf(found, ({ code }) => code).map((some) => {
    const together = sameFor(some, "message") && sameFor(some, "suggestion");
    return h(
      "li",
      { class: "stack tight" },
      h("h3", {}, reasonOf(some[0])),
      together && h("p", {}, wordsOf(some[0])),
      h("ol", { class: "stack tight" }, some.slice(0, SHOWN).map((problem) => row(problem, headers, !together))),
      more(some.length - SHOWN),
    );
  });
}

function wordsOf({ message, suggestion }) {
  return [message, suggestion].filter(Boolean).join(" ");
}

function row(problem, headers, explain) {
  return h(
    "li",
    {},
    h(
      "p",
      { class: "where" },
      h("span", { class: "tag" }, say("problems.line", { line: format.number(problem.line) })),
      problem.column != null && h("bdi", { class: "small quiet" }, headers.get(problem.column) ?? ""),
    ),
    explain && h("p", {}, wordsOf(problem)),
    problem.cells?.length ? cells(problem, headers) : null,
  );
}

function reasonOf({ code, message }) {
  return has(`codes.${code}`) ? say(`codes.${code}`) : message;
}

function groupsOf(found, keyOf) {
  const groups = new Map();
  for (const one of found) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one]);
  return [...groups.values()];
}

function sameFor(some, member) {
  return some.every((one) => one[member] === some[0][member]);
}

function more(left) {
  return left > 0 && h("p", { class: "small quiet" }, say("check.more_alike", { n: left }));
}

function cells(problem, headers) {
  const label = say("problems.cells", { line: format.number(problem.line) });
  return h(
    "div",
    { class: "scroller", tabindex: "0", role: "group", "aria-label": label },
    h(
      "ul",
      { class: "cells" },
      problem.cells.map((cell, index) => {
        const wrong = index === problem.column;
        if (!cell && !wrong) return null;
        const text = cell.slice(0, 200) || (wrong ? say("problems.empty") : "");
        return h(
          "li",
          { class: wrong ? "wrong" : null },
          h("span", { class: "small quiet", dir: "auto" }, headers.get(index) ?? say("problems.column", { n: index + 1 })),
          h(wrong ? "mark" : "span", { dir: "auto" }, text),
        );
      }),
    ),
  );
}

// What is imported as it is although it looks odd: said once for all values that are odd in the same way.
export function warnings(found) {
  return groupsOf(found, ({ message }) => message).map((some) => {
    const together = sameFor(some, "suggestion");
    return h(
      "li",
      {},
      h("p", {}, h("strong", {}, some[0].message), together ? ` ${some[0].suggestion}` : ""),
      h("ul", { class: "odd" }, some.slice(0, SHOWN).map((warning) => odd(warning, !together))),
      more(some.length - SHOWN),
    );
  });
}

function odd({ line, value, suggestion }, suggest) {
  return h(
    "li",
    {},
    h("span", { class: "tag" }, say("problems.line", { line: format.number(line) })),
    h("bdi", {}, value),
    suggest && h("span", { class: "quiet" }, suggestion),
  );
}
