// A button in a row that takes the row away once the server agreed; what speaks against it is shown on the page.
import { h, part } from "./dom.js";
import { say } from "./words.js";

export function act(root, row, name, run) {
  const button = part(row, name);
  button?.addEventListener("click", async () => {
    if (button.dataset.confirm && !window.confirm(button.dataset.confirm)) return;
    button.disabled = true;
    try {
      await run();
      trouble(root, null);
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      next?.querySelector("button, select, a")?.focus();
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
