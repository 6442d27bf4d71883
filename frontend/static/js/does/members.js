// Members and invitations: invite, change what someone may do, remove.
import { call } from "../api.js";
import { part, write } from "../dom.js";
import { act, trouble } from "../acting.js";
import { say } from "../words.js";

export default function members(root) {
  const form = part(root, "invite");
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { address, role } = form.elements;
    try {
      const made = await call("POST", "/api/v1/invitations", { address: address.value, role: role.value });
      trouble(root, null);
      if (!made.link) return location.reload();
      write(part(root, "link-text"), say("people.invited", { address: made.address }));
      write(part(root, "link-value"), made.link);
      part(root, "link").hidden = false;
      form.reset();
    } catch (error) {
      trouble(root, error);
    }
  });
  for (const row of root.querySelectorAll("[data-member]")) {
    const path = `/api/v1/members/${row.dataset.member}`;
    const role = part(row, "role");
    role?.addEventListener("change", async () => {
      try {
        await call("PATCH", path, { role: role.value });
        trouble(root, null);
        role.dataset.was = role.value;
      } catch (error) {
        trouble(root, error);
        role.value = role.dataset.was ?? [...role.options].find((option) => option.defaultSelected).value;
      }
    });
    act(root, row, "remove", () => call("DELETE", path));
  }
  for (const row of root.querySelectorAll("[data-invitation]")) {
    act(root, row, "withdraw", () => call("DELETE", `/api/v1/invitations/${row.dataset.invitation}`));
  }
}
