// One import, live: shows each newer state, the contacts as they arrive, and what this tab still sends.
import { call, piece } from "../api.js";
import { Again } from "../again.js";
import { fragment, part } from "../dom.js";
import { follow } from "../follow.js";
import { clock, format } from "../here.js";
import { ImportView } from "../import/view.js";
import { SendingView } from "../import/sending-view.js";
import { WaitingView } from "../import/waiting-view.js";
import { stop } from "../sending.js";
import { ENDED, newer, shares } from "../state.js";
import { reason } from "../trouble.js";
import { say } from "../words.js";

export default function importLive(article) {
  const id = article.dataset.import;
  const view = new ImportView(article, clock);
  const sending = new SendingView(article, clock);
  const waiting = new WaitingView(article);
  let state = JSON.parse(part(article, "state").textContent);
  let asked = {};

  const lists = {
    contacts: new Again(() => refill("contacts", "contacts-list")),
    problems: new Again(() => refill("problems", "problems-list")),
    file: new Again(() => refill("file", "file")),
  };
  let unfolded = false; // whoever looks at more of the rows keeps them

  function take(told) {
    if (told.id !== id) return;
    const fresh = newer(state, told);
    if (fresh === state) return;
    state = fresh;
    show();
  }

  function show() {
    view.show(state);
    sending.show(state);
    waiting.show(state);
    // Asked for by what happened, never by a clock; a hidden tab catches up when it is looked at.
    if (document.hidden) return;
    const now = {
      contacts: [state.created + state.updated, state.status, state.visible].join(),
      file: state.status,
      problems: [wholePage() ? "" : state.rejected, state.status, state.visible].join(),
    };
    if (asked.file !== undefined && now.file !== asked.file) lists.file.ask();
    if (asked.contacts !== undefined && now.contacts !== asked.contacts) lists.contacts.ask();
    if (asked.problems !== undefined && now.problems !== asked.problems && state.rejected && !unfolded) lists.problems.ask();
    asked = now;
  }

  // Once the first page of the rows is full, more of them do not change it until the end.
  function wholePage() {
    return part(article, "problems-more") !== null;
  }

  async function refill(name, place) {
    try {
      const html = await piece(`/imports/${id}?part=${name}`);
      merge(part(article, place), fragment(html));
    } catch {
      // The next progress asks again.
    }
  }

  part(article, "cancel")?.addEventListener("click", ({ target }) => end(target, "cancel", say("import.cancel_sure"), say("import.cancelling")));
  part(article, "finish")?.addEventListener("click", ({ target }) => {
    const sure = say("sending.finish_sure", { share: format.percent(shares(state).received) });
    end(target, "finish", sure, say("sending.finishing"));
  });

  // Ends the import, or its upload: after a question, with one request.
  async function end(button, how, sure, meanwhile) {
    if (!window.confirm(sure)) return;
    const name = button.textContent;
    button.disabled = true;
    button.textContent = meanwhile;
    try {
      const { state: told } = await call("POST", `/api/v1/imports/${id}/${how}`, {});
      stop(id);
      take(told);
    } catch (error) {
      view.trouble(`${reason(error.code)}. ${error.message}`);
    }
    button.disabled = false;
    button.textContent = name;
  }

  part(article, "problems-list").addEventListener("click", async (event) => {
    const link = event.target.closest('[data-part="problems-more"]');
    if (!link) return;
    event.preventDefault();
    unfolded = true;
    link.parentElement.replaceWith(fragment(await piece(link.href)));
  });
  part(article, "file").addEventListener("click", ({ target }) => {
    const button = target.closest('[data-part="delete-file"]');
    if (button && window.confirm(button.dataset.confirm)) deleteFile(button);
  });

  // What was sent is gone afterwards, and the rows of it that are shown here.
  async function deleteFile(button) {
    const notice = part(article, "file-trouble");
    const name = button.textContent;
    button.disabled = true;
    button.textContent = say("import.file.deleting");
    try {
      await call("DELETE", `/api/v1/imports/${id}/file`);
      notice.hidden = true;
      part(article, "problems-list").replaceChildren();
      part(article, "problems-csv").hidden = true;
      part(article, "problems-why").textContent = say("import.problems_gone");
      await refill("file", "file");
      article.querySelector("#kept").focus();
    } catch (error) {
      notice.textContent = `${reason(error.code)}. ${error.message}`;
      notice.hidden = false;
      button.disabled = false;
      button.textContent = name;
    }
  }
  document.addEventListener("visibilitychange", () => !document.hidden && show());

  show();
  const channel = article.dataset.channel || state.channel;
  if (!ENDED.has(state.status) || !state.visible) {
    follow(channel ? { channel } : { scope: "workspace" }, {
      state: take,
      connection: (up) => view.connection(up),
      refused: () => view.refused(),
    });
  }
}

// Puts fresh rows in place of the old ones; rows that stay, stay as they are, and new ones come in softly.
function merge(place, fresh) {
  const old = new Map([...place.querySelectorAll("[data-contact]")].map((link) => [link.dataset.contact, link]));
  if (old.size) {
    for (const link of fresh.querySelectorAll("[data-contact]")) {
      if (!old.has(link.dataset.contact)) link.parentElement.classList.add("arrived");
    }
  }
  const focused = document.activeElement?.dataset?.contact;
  place.replaceChildren(fresh);
  if (focused && old.has(focused)) place.querySelector(`[data-contact="${CSS.escape(focused)}"]`)?.focus();
}
