// What an import's page says about the bytes of its file: sent from here, interrupted, or received.
import { part, write } from "../dom.js";
import { format } from "../here.js";
import { Pace } from "../pace.js";
import { begin, unfinished, uploadOf } from "../sending.js";
import { awaitsBytes, lastHeard, shares, SILENCE } from "../state.js";
import { printOf } from "../unfinished.js";
import { say } from "../words.js";

const HEAD = 262_144;

export class SendingView {
  #pace = new Pace();
  #upload = null;
  #silence = 0;
  #state = null;

  constructor(article, clock) {
    Object.assign(this, { article, clock, id: article.dataset.import });
    const known = uploadOf(this.id);
    if (known) this.#watch(known);
    document.addEventListener("sending", ({ detail }) => detail.id === this.id && this.#watch(detail.upload));
    const again = part(article, "again");
    again.addEventListener("change", () => again.files[0] && this.#again(again.files[0]));
    part(article, "go-on").addEventListener("click", () => this.#upload?.run());
  }

  show(state) {
    this.#state = state;
    clearTimeout(this.#silence);
    const interrupted = part(this.article, "interrupted");
    const pace = part(this.article, "pace");
    if (!awaitsBytes(state) || this.#upload) {
      interrupted.hidden = true;
      pace.hidden = false;
      return;
    }
    const quiet = lastHeard(state) + SILENCE - this.clock() / 1000;
    interrupted.hidden = quiet > 0;
    const finish = part(this.article, "finish");
    if (finish) finish.hidden = !state.bytes_received;
    pace.hidden = quiet <= 0; // nobody knows how long it takes someone to come back
    if (quiet > 0) this.#silence = setTimeout(() => this.show(this.#state), quiet * 1000 + 50);
    const { received } = shares(state);
    write(
      part(this.article, "interrupted-text"),
      state.bytes_received ? say("sending.interrupted", { share: format.percent(received) }) : say("sending.waiting"),
    );
  }

  #watch(upload) {
    this.#upload = upload;
    part(this.article, "interrupted").hidden = true;
    const share = () => format.percent((upload.offset ?? upload.sent) / upload.file.size);
    const on = (name, tell) => upload.addEventListener(name, tell);
    on("progress", () => {
      this.#pace.add(this.clock() / 1000, upload.sent);
      const left = this.#pace.left(upload.file.size);
      this.#say(left === null ? say("sending.keep_open_soon") : say("sending.keep_open", { left: format.duration(left) }));
    });
    on("trying", () => this.#say(say("sending.trying", { share: format.percent(upload.sent / upload.file.size) }), "warm"));
    on("signed-out", () => this.#say(say("sending.signed_out", { share: share() }), "warm", { goOn: true }));
    on("refused", ({ detail }) => {
      this.#upload = null;
      if (detail.code !== "cancelled") this.#say(say("sending.refused", { why: detail.why ?? detail.status }), "danger");
    });
    on("done", () => {
      this.#upload = null;
      this.#say(say("sending.received"), "good");
    });
    this.#say(say("sending.keep_open_soon"));
  }

  #say(text, kind = "", { goOn = false } = {}) {
    const notice = part(this.article, "sending");
    notice.hidden = false;
    notice.className = `notice ${kind}`.trim();
    write(part(notice, "sending-text"), text);
    part(notice, "go-on").hidden = !goOn;
  }

  // The same file again: it goes on. Without our own record the server compares it from the start.
  async #again(file) {
    const entry = unfinished.of(this.id);
    const print = await printOf(file.size, await file.slice(0, HEAD).arrayBuffer());
    const known = entry?.print && print;
    const same = known ? entry.print === print : !this.#state.size || this.#state.size === file.size;
    if (!same) {
      const { name, size } = this.#state;
      this.#say(say("sending.other_file", { name, size: format.size(size ?? entry.size) }), "warm");
      return;
    }
    begin({ id: this.id, url: `/api/v1/uploads/${this.id}`, file, print, offset: known ? null : 0 });
  }
}
