// Acting on one row of a list: the server does it, and the list is drawn anew; what speaks against it is shown.
import { piece } from "./api.js";
import { fragment, h, part } from "./dom.js";
import { enliven } from "./enliven.js";
import { say } from "./words.js";

// Draws the list of the page anew, as the server now has it.
export async function redraw(root) {
  const page = fragment(await piece(location.pathname));
  part(root, "list").replaceWith(part(page, "list"));
  await enliven(part(root, "list"));
}

// Buttons named `name` in rows with data-`kind`; run(id) tells the server.
export function act(root, kind, name, run) {
  root.addEventListener("click", async ({ target }) => {
    const button = target.closest(`[data-${kind}] [data-part="${name}"]`);
    if (!button) return;
    const id = button.closest(`[data-${kind}]`).dataset[kind];
    if (button.dataset.confirm && !window.confirm(button.dataset.confirm)) return;
    button.disabled = true;
    try {
      await run(id);
      trouble(root, null);
      await redraw(root);
      root.querySelector("h1").focus();
    } catch (error) {
      trouble(root, error);
      button.disabled = false;
    }
  });
}

export function trouble(root, error) {
  const notice = part(root, "trouble");
  notice.hidden = !error;
  notice.replaceChildren(...(error ? [h("p", {}, say("people.failed", { why: error.message }))] : []));
}
