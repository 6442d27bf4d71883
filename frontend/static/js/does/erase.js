// Erases a person: after a question, with one request; what is left on the page is that it was done.
import { call } from "../api.js";
import { h, part } from "../dom.js";

export default function erase(article) {
  const button = part(article, "erase");
  button?.addEventListener("click", async () => {
    if (!window.confirm(button.dataset.confirm)) return;
    const notice = part(article, "erase-trouble");
    button.disabled = true;
    try {
      await call("DELETE", `/api/v1/contacts/${button.dataset.id}`);
      const done = h("p", { class: "notice", role: "status", tabindex: "-1" }, button.dataset.done);
      article.replaceChildren(done);
      done.focus();
    } catch (error) {
      notice.textContent = error.message;
      notice.hidden = false;
      button.disabled = false;
    }
  });
}
