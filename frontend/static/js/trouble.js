// What went wrong, in words that people understand, and what they can do now. Every code has its own sentence.
import { h } from "./dom.js";
import { format } from "./here.js";
import { has, say } from "./words.js";

const LATER = new Set(["no_answer", "unknown", "try_again", "internal", "too_many_requests", "too_many_uploads", "interrupted"]);
const NO_LIST = new Set(["nothing_recognised", "unsupported_type", "empty"]);

// Shows an error (a Problem, or whatever was thrown) in `notice`; null hides it. `ways` are what this place can offer:
// again() repeats what was tried, another() chooses a file, paste() opens the field for rows; `file` is its name.
export function tell(notice, error, ways = {}) {
  notice.hidden = !error;
  if (!error) return notice.replaceChildren();
  const code = error.code ?? "unknown";
  const title = reason(code);
  const why = error.message && error.message !== title ? error.message : "";
  const way = wayOn(code);
  const wait = Number(error.extra?.retry_after) || 0;
  notice.replaceChildren(
    h(
      "div",
      { class: "trouble-words" },
      h("p", {}, h("strong", {}, title), ways.file && h("span", { class: "quiet" }, " · ", h("bdi", {}, ways.file))),
      (why || way) && h("p", {}, [why, way].filter(Boolean).join(" ")),
      wait > 0 && h("p", { class: "small" }, say("trouble.when", { time: format.clock(format.now() / 1000 + wait) })),
    ),
    h("div", { class: "row" }, buttons(code, wait, ways)),
  );
  return undefined;
}

// The sentence of a code.
export function reason(code) {
  return has(`codes.${code}`) ? say(`codes.${code}`) : say("trouble.other");
}

// What helps, where there is more to say than the reason does.
export function wayOn(code) {
  return has(`trouble.way.${code}`) ? say(`trouble.way.${code}`) : "";
}

function buttons(code, wait, { again, another, paste }) {
  if (code === "not_signed_in") return [h("a", { class: "button small", href: "/sign-in", target: "_blank", rel: "noopener" }, say("shell.sign_in"))];
  if (LATER.has(code)) return [again && later(again, wait)];
  return [
    another && h("button", { class: "button small", type: "button", onclick: another }, say("trouble.another")),
    NO_LIST.has(code) && paste && h("button", { class: "button small", type: "button", onclick: paste }, say("trouble.paste")),
    NO_LIST.has(code) && h("a", { class: "button small", href: "/template.csv", download: true }, say("trouble.template")),
  ];
}

// To be pressed once the server has room again.
function later(again, wait) {
  const button = h("button", { class: "button small", type: "button", disabled: wait > 0, onclick: again }, say("trouble.again"));
  if (wait) setTimeout(() => (button.disabled = false), wait * 1000);
  return button;
}
