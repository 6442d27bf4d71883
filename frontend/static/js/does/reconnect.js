// "Connect again" beside an import that stopped for it: straight to the provider's page, where that is possible.
import { call } from "../api.js";

export default function reconnect(link) {
  link.addEventListener("click", async (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    location.assign((await provider(link.closest("[data-import]").dataset.import)) ?? link.href);
  });
}

// Null when the account was used since, or is connected again: then its page tells more.
async function provider(id) {
  try {
    const { connections } = await call("GET", "/api/v1/connections");
    const found = connections.find((one) => one.last_import === id && one.state === "reauthorise");
    if (!found) return null;
    return (await call("POST", `/api/v1/connections/${found.provider}`, { connection: found.id })).url;
  } catch {
    return null;
  }
}
