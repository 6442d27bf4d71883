// The first people of a file, exactly as they will be, and the rows that will not come in.
import { h } from "../dom.js";
import { format } from "../here.js";
import { initials, title, tone, work } from "../person.js";
import { say } from "../words.js";

export function people(contacts) {
  if (!contacts.length) return h("p", { class: "notice warm" }, say("check.no_first"));
  return h("ul", { class: "first-cards" }, contacts.slice(0, 6).map(card));
}

function card(contact) {
  const lines = [
    work(contact),
    ...(contact.emails ?? []).map((email) => email.value),
    ...(contact.phones ?? []).map((phone) => phone.value || phone.raw),
    ...(contact.addresses ?? []).map((address) =>
      [address.street, [address.postal_code, address.city].filter(Boolean).join(" "), address.country].filter(Boolean).join(", "),
    ),
    contact.birthday,
    (contact.labels ?? []).join(", "),
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
    ),
  );
}

// `headers` name the columns by index.
export function problems(found, headers) {
  return found.map((problem) =>
    h(
      "li",
      {},
      h(
        "p",
        { class: "where" },
        h("span", { class: "tag" }, say("problems.line", { line: format.number(problem.line) })),
        problem.column != null && h("bdi", { class: "small quiet" }, headers.get(problem.column) ?? ""),
      ),
      h("p", {}, h("strong", {}, problem.message), ` ${problem.suggestion}`),
      problem.cells?.length ? cells(problem, headers) : null,
    ),
  );
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
