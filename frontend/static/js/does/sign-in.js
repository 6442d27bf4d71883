// The way in: the code behind the # names whom it lets in; only the button uses it up.
import { call } from "../api.js";
import { h, part, write } from "../dom.js";
import { say } from "../words.js";

export default function signIn(root) {
  const [offer, ask, enter] = [part(root, "offer"), part(root, "ask"), part(root, "enter")];
  let code = "";

  async function look(text) {
    trouble(null);
    code = text.trim().replace(/^.*#/, "");
    try {
      const found = await call("POST", "/api/v1/sign-in/offer", { code });
      write(part(root, "offer-text"), say("sign_in.offer", { address: found.address, workspace: found.workspace_name }));
      offer.hidden = false;
      ask.hidden = true;
      for (const other of root.querySelectorAll('[data-part="mail"], [data-part="where"]')) other.hidden = true;
      enter.focus();
    } catch (error) {
      trouble(error.code === "code_expired" ? say("sign_in.bad") : error.message);
    }
  }

  function trouble(text) {
    const notice = part(root, "trouble");
    notice.hidden = !text;
    notice.replaceChildren(...(text ? [h("p", {}, text)] : []));
  }

  ask.addEventListener("submit", (event) => {
    event.preventDefault();
    look(part(root, "code").value);
  });
  enter.addEventListener("click", async () => {
    enter.disabled = true;
    write(enter, say("sign_in.entering"));
    try {
      await call("POST", "/api/v1/sign-in", { code });
      location.replace("/wanted"); // the page that led here, or the first one
    } catch (error) {
      enter.disabled = false;
      write(enter, say("sign_in.enter"));
      offer.hidden = true;
      ask.hidden = false;
      trouble(error.code === "code_expired" ? say("sign_in.bad") : error.message);
    }
  });
  part(root, "mail")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await call("POST", "/api/v1/sign-in/link", { address: event.target.elements.address.value });
      write(part(root, "mail-sent"), say("sign_in.sent"));
    } catch (error) {
      trouble(error.message);
    }
  });

  const fragment = location.hash.slice(1);
  if (fragment) {
    history.replaceState(null, "", location.pathname); // so that the code is not kept in the history
    look(fragment);
  }
}
