// Members and invitations: invite, change what someone may do, remove.
import { call } from "../api.js";
import { part, write } from "../dom.js";
import { act, redraw, trouble } from "../acting.js";
import { say } from "../words.js";

export default function members(root) {
  const form = part(root, "invite");
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { address, role } = form.elements;
    try {
      const made = await call("POST", "/api/v1/invitations", { address: address.value, role: role.value });
      trouble(root, null);
      const { address: invited, link } = made;
      write(part(root, "link-text"), say(link ? "people.invited" : "people.mailed", { address: invited }));
      for (const element of part(root, "link").querySelectorAll("[data-if-link]")) element.hidden = !link;
      write(part(root, "link-value"), link ?? "");
      part(root, "link").hidden = false;
      form.reset();
      await redraw(root);
    } catch (error) {
      trouble(root, error);
    }
  });
  root.addEventListener("change", async ({ target }) => {
    const row = target.closest("[data-member]");
    if (!row) return;
    try {
      await call("PATCH", `/api/v1/members/${row.dataset.member}`, { role: target.value });
      trouble(root, null);
    } catch (error) {
      trouble(root, error);
      await redraw(root);
    }
  });
  act(root, "member", "remove", (id) => call("DELETE", `/api/v1/members/${id}`));
  act(root, "invitation", "withdraw", (id) => call("DELETE", `/api/v1/invitations/${id}`));
}
