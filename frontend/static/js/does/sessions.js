// Where one is signed in: end the others.
import { act } from "../acting.js";
import { call } from "../api.js";

export default function sessions(root) {
  act(root, "session", "end", (id) => call("DELETE", `/api/v1/sessions/${id}`));
}
