// The labels that everybody of an import gets: typed, shown as tags, taken away again.
import { h, part } from "../dom.js";
import { say } from "../words.js";

const MOST = 20;

export class Labels {
  constructor(root, changed) {
    this.list = part(root, "labels-list");
    this.input = part(root, "labels-input");
    this.changed = changed;
    this.labels = [];
    this.input.addEventListener("keydown", (event) => this.#typed(event));
    this.input.addEventListener("blur", () => this.#take());
  }

  show(labels) {
    this.labels = [...labels];
    this.#draw();
  }

  #typed(event) {
    if ((event.key === "Enter" || event.key === ",") && this.input.value.trim()) {
      event.preventDefault();
      this.#take();
    } else if (event.key === "Backspace" && !this.input.value && this.labels.length) {
      this.#set(this.labels.slice(0, -1));
    }
  }

  #take() {
    const label = this.input.value.trim();
    this.input.value = "";
    if (label && !this.labels.includes(label) && this.labels.length < MOST) this.#set([...this.labels, label]);
  }

  #set(labels) {
    this.labels = labels;
    this.#draw();
    this.changed(labels);
  }

  #draw() {
    this.list.replaceChildren(
      ...this.labels.map((label) =>
        h(
          "li",
          { class: "chip on" },
          h("bdi", { class: "clip" }, label),
          h(
            "button",
            {
              type: "button",
              "aria-label": say("check.label_remove", { label }),
              onclick: () => {
                this.#set(this.labels.filter((other) => other !== label));
                this.input.focus();
              },
            },
            "×",
          ),
        ),
      ),
    );
  }
}
