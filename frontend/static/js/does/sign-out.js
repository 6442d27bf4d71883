// Ends this session and goes to the door.
import { call } from "../api.js";

export default function signOut(button) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await call("POST", "/api/v1/sign-out", {});
    } finally {
      location.assign("/sign-in");
    }
  });
}
