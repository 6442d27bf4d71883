// Where one is signed in: end the others.
import { act } from "../acting.js";
import { call } from "../api.js";

export default function sessions(root) {
  for (const row of root.querySelectorAll("[data-session]")) {
    act(root, row, "end", () => call("DELETE", `/api/v1/sessions/${row.dataset.session}`));
  }
}
