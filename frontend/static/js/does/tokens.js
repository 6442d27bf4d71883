// Tokens: make one (shown once), revoke one.
import { act, redraw, trouble } from "../acting.js";
import { call } from "../api.js";
import { part, write } from "../dom.js";

export default function tokens(root) {
  const form = part(root, "new");
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { name, role, days } = form.elements;
    try {
      const asked = { name: name.value, role: role.value, expires_in_days: days.value ? Number(days.value) : null };
      const made = await call("POST", "/api/v1/tokens", asked);
      trouble(root, null);
      write(part(root, "secret-value"), made.token);
      const secret = part(root, "secret");
      secret.hidden = false;
      secret.focus();
      form.reset();
      await redraw(root);
    } catch (error) {
      trouble(root, error);
    }
  });
  act(root, "token", "revoke", (id) => call("DELETE", `/api/v1/tokens/${id}`));
}
