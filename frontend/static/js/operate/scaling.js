// The buttons for more and fewer: a wish goes out, and the number follows when processes have come or gone.

import { call } from "../api.js";
import { part, write } from "../dom.js";
import { say } from "../words.js";

export class Scaling {
  #root;
  #model;
  #format;
  #wishes = new Map(); // kind -> how many are wanted, until they are there
  #asked = Promise.resolve(); // one wish at a time, for the last one to arrive is what happens

  constructor(root, model, format) {
    this.#root = root;
    this.#model = model;
    this.#format = format;
    for (const scale of this.#scales()) scale.addEventListener("submit", (event) => this.#press(event, scale));
  }

  show(now) {
    for (const scale of this.#scales()) {
      const { kind } = scale.dataset;
      const count = this.#model.count(kind, now);
      if (this.#wishes.get(kind) === count) this.#wishes.delete(kind);
      const wish = this.#wishes.get(kind);
      write(part(scale, "count"), this.#format.number(count));
      write(part(scale, "wanted"), wish === undefined ? "" : say("topology.scale.wanted", { count: this.#format.number(wish) }));
      this.#limit(scale, wish ?? count);
    }
  }

  #scales() {
    return this.#root.querySelectorAll("[data-kind]");
  }

  // aria-disabled and not disabled: who presses it again and again keeps the focus.
  #limit(scale, wanted) {
    const most = Number(part(this.#root, "scales").dataset.most);
    for (const button of scale.querySelectorAll("[data-by]")) {
      const to = wanted + Number(button.dataset.by);
      button.disabled = false;
      button.setAttribute("aria-disabled", String(to < 1 || to > most));
      button.form.elements.to.value = to;
    }
  }

  #press(event, scale) {
    event.preventDefault();
    const button = event.submitter ?? event.target.querySelector("button");
    if (button.getAttribute("aria-disabled") === "true") return;
    const { kind } = scale.dataset;
    const to = Number(event.target.elements.to.value);
    part(this.#root, "scale-trouble").hidden = true;
    this.#wishes.set(kind, to);
    this.#limit(scale, to);
    this.#asked = this.#asked.then(() => this.#ask(kind, to));
  }

  async #ask(kind, to) {
    try {
      await call("POST", "/api/v1/operate/scale", { kind, to });
    } catch (error) {
      const trouble = part(this.#root, "scale-trouble");
      if (this.#wishes.get(kind) === to) this.#wishes.delete(kind);
      write(trouble, say("topology.scale.trouble", { why: error.message }));
      trouble.hidden = false;
    }
  }
}
