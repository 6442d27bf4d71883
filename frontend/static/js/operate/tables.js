// The tables: the same as the picture, in words and numbers. Only what differs is written.

import { copyOf, h, part, write } from "../dom.js";
import { say } from "../words.js";
import { state } from "./picture.js";
import { runs } from "./runs.js";
import { tone } from "./scene.js";

export class Tables {
  #root;
  #format;
  #model;

  constructor(root, model, format) {
    this.#root = root;
    this.#model = model;
    this.#format = format;
  }

  show(now) {
    this.#processes(this.#model.processes(now));
    for (const group of this.#model.groups(now)) this.#group(group);
    for (const topic of this.#model.topics(now)) this.#topic(topic, now);
  }

  #processes(processes) {
    const body = part(this.#root, "processes");
    const rows = new Map([...body.children].map((row) => [row.dataset.id, row]));
    processes.forEach((one, index) => {
      const row = rows.get(one.id) ?? copyOf(part(this.#root, "process-row"));
      rows.delete(one.id);
      row.dataset.id = one.id;
      row.dataset.state = one.silent ? "silent" : one.status;
      part(row, "dot").dataset.tone = tone(one);
      write(part(row, "name"), one.name);
      write(part(row, "state"), state(one, this.#format));
      owned(part(row, "owns"), one.partitions);
      write(part(row, "load"), one.alive ? this.#format.percent(one.load) : "");
      write(part(row, "memory"), one.alive && one.memory ? this.#format.size(one.memory) : "");
      since(part(row, "since"), one.ended ? one.finished_at : one.started_at, this.#format);
      if (body.children[index] !== row) body.insertBefore(row, body.children[index] ?? null);
    });
    for (const row of rows.values()) row.remove();
  }

  #group(group) {
    const row = this.#row(group.id);
    if (!row) return;
    write(part(row, "members"), group.members.map(({ name }) => name).join(", ") || say("topology.groups.nobody"));
    write(part(row, "behind"), this.#format.number(group.behind));
    write(part(row, "oldest"), group.behind ? this.#format.seconds(group.oldest) : "");
    write(part(row, "rate"), group.rate ? this.#format.rate(group.rate) : "");
    write(part(row, "rebalances"), this.#format.number(group.rebalances));
  }

  #topic(topic, now) {
    const row = this.#row(topic.id);
    if (!row) return;
    write(part(row, "records"), this.#format.number(topic.records));
    write(part(row, "rate"), topic.rate ? this.#format.rate(topic.rate) : "");
    const details = part(row, "partitions");
    if (details.open) this.#places(part(details, "places"), this.#model.partitions(topic.name, now));
  }

  #places(body, places) {
    while (body.rows.length > places.length) body.lastChild.remove();
    places.forEach((place, index) => {
      const row = body.rows[index] ?? body.appendChild(h("tr", {}, h("th", { scope: "row", class: "figure" }), ["", "figure", "figure", "figure", "figure"].map((name) => h("td", { class: name }))));
      const { number, seconds } = this.#format;
      const cells = [place.number, place.owner?.name ?? "", number(place.end), number(place.done), number(place.waiting), place.waiting ? seconds(place.oldest) : ""];
      cells.forEach((text, column) => write(row.cells[column], String(text)));
    });
  }

  #row(id) {
    return this.#root.querySelector(`tr[data-id="${CSS.escape(id)}"]`);
  }
}

function owned(element, partitions) {
  const wanted = Object.entries(partitions).map(([topic, numbers]) => [topic, runs(numbers)]);
  const text = wanted.flat().join();
  if (element.dataset.text === text) return;
  element.dataset.text = text;
  element.replaceChildren(...wanted.map(([topic, numbers]) => h("span", { class: "owned" }, h("span", {}, topic), ` ${numbers}`)));
}

function since(element, seconds, format) {
  const text = seconds ? format.ago(seconds) ?? say("common.just_now") : "";
  if (element.textContent.trim() === text) return;
  element.replaceChildren(h("time", { datetime: new Date(seconds * 1000).toISOString(), title: format.moment(seconds) }, text));
}
