// Says that an import waits behind others of its workspace, when nothing of it is done after a while.
import { part, write } from "../dom.js";
import { follow } from "../follow.js";
import { ahead, newer } from "../state.js";
import { say } from "../words.js";

const PATIENCE = 3_000; // milliseconds; most imports begin sooner
const NAMED = 2;

export class WaitingView {
  #others = new Map();
  #state = null;
  #timer = 0;

  constructor(article) {
    this.notice = part(article, "waiting");
  }

  show(state) {
    this.#state = state;
    if (state.rows || !state.bytes_received) clearTimeout(this.#timer);
    else this.#timer ||= setTimeout(() => this.#listen(), PATIENCE);
    const before = ahead(state, [...this.#others.values()]);
    this.notice.hidden = !before.length;
    const names = before.slice(0, NAMED).map((other) => other.name || say(`common.source.${other.source}`));
    const more = before.length > NAMED ? ", …" : "";
    if (before.length) write(this.notice.firstElementChild, say("import.waiting", { n: before.length, names: names.join(", ") + more }));
  }

  #listen() {
    follow(
      { scope: "workspace" },
      {
        state: (told) => {
          this.#others.set(told.id, newer(this.#others.get(told.id), told));
          this.show(this.#state);
        },
      },
    );
  }
}
