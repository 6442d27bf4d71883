// Draws the scene as SVG and keeps it true: what stays is changed, what is new appears, what is gone goes.
// Beads run along the ways, faster where more moves; whoever wants no motion sees thicker ways instead.

import { say } from "../words.js";
import { curves, place } from "./layout.js";

const SVG = "http://www.w3.org/2000/svg";
const BEADS = 22; // from one bead to the next
const PACE = 900; // milliseconds for that, at the base rate

export class Picture {
  #root;
  #text;
  #calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  #ways;
  #boxes;
  #known = new Map(); // id -> {element, ...}

  // `text` turns a box into its words: {name, line}.
  constructor(root, text) {
    this.#root = root;
    this.#text = text;
    this.#ways = s("g", { class: "ways" });
    this.#boxes = s("g", {});
    root.append(this.#ways, this.#boxes);
  }

  show({ layers, ways }, room) {
    const drawn = place(layers, room);
    this.#root.setAttribute("viewBox", `0 0 ${drawn.width} ${drawn.height}`);
    this.#root.setAttribute("height", drawn.height);
    const seen = new Set();
    for (const box of layers.flat()) {
      seen.add(box.id);
      this.#box(box, drawn.places.get(box.id));
    }
    const paths = curves(ways, drawn);
    for (const way of ways) {
      seen.add(way.id);
      this.#way(way, paths.get(way.id));
    }
    for (const [id, { element }] of this.#known) {
      if (seen.has(id)) continue;
      element.remove();
      this.#known.delete(id);
    }
  }

  #box(box, { x, y, width, height }) {
    let known = this.#known.get(box.id);
    if (!known) {
      known = box.process ? process(width, height) : topic(width, height, box.partitions.length);
      this.#known.set(box.id, known);
      this.#boxes.append(known.element);
    }
    const { name, line, title } = this.#text(box);
    known.element.setAttribute("transform", `translate(${x} ${y})`);
    text(known.name, name);
    text(known.line, line);
    text(known.title, title);
    if (box.process) {
      const { alive, silent, missing, load } = box.process;
      known.element.setAttribute("class", `box process ${alive ? (missing ? "coming" : "") : silent ? "silent" : "gone"}`);
      known.element.dataset.tone = box.tone;
      known.load.setAttribute("width", (width - 24) * Math.min(1, load));
    } else {
      known.element.classList.toggle("waits", box.waiting > 0);
      box.partitions.forEach((one, number) => cell(known.cells[number], one));
    }
  }

  #way(way, path) {
    let known = this.#known.get(way.id);
    if (!known) {
      const line = s("path", { class: "line" });
      const beads = s("path", { class: "beads", "stroke-dasharray": `0.1 ${BEADS - 0.1}` });
      known = { element: s("g", { class: "way" }, line, beads), line, beads, run: null };
      this.#known.set(way.id, known);
      this.#ways.append(known.element);
    }
    known.line.setAttribute("d", path);
    known.beads.setAttribute("d", path);
    known.element.dataset.tone = way.tone;
    known.element.classList.toggle("moves", way.rate > 0);
    // Ten times as many records run twice as fast: what differs by thousands is still seen.
    const speed = way.rate > 0 ? Math.min(4, Math.max(0.35, 2 ** Math.log10(way.rate))) : 0;
    known.line.setAttribute("stroke-width", this.#calm.matches ? 1.5 + speed : 1.5);
    this.#move(known, speed);
  }

  #move(known, speed) {
    if (this.#calm.matches || speed === 0) {
      known.run?.pause();
      return;
    }
    known.run ??= known.beads.animate([{ strokeDashoffset: BEADS }, { strokeDashoffset: 0 }], { duration: PACE, iterations: Infinity });
    if (known.run.playState === "paused") known.run.play();
    known.run.updatePlaybackRate(speed);
  }
}

function process(width, height) {
  const title = s("title", {});
  const name = s("text", { class: "name", x: 24, y: 21 });
  const line = s("text", { class: "line-of-text", x: 12, y: 37 });
  const load = s("rect", { class: "load", x: 12, y: height - 8, height: 3, rx: 1.5, width: 0 });
  const element = s(
    "g",
    { class: "box process" },
    title,
    s("rect", { class: "body", width, height, rx: 10 }),
    s("circle", { class: "dot", cx: 15, cy: 16.5, r: 4 }),
    name,
    line,
    s("rect", { class: "load-room", x: 12, y: height - 8, height: 3, rx: 1.5, width: width - 24 }),
    load,
  );
  return { element, title, name, line, load };
}

function topic(width, height, partitions) {
  const title = s("title", {});
  const name = s("text", { class: "name mono", x: 12, y: 19 });
  const line = s("text", { class: "line-of-text", x: 12, y: 56 });
  const room = width - 24;
  const step = room / Math.max(1, partitions);
  const cells = Array.from({ length: partitions }, (_, number) => {
    const x = 12 + number * step;
    const size = Math.max(1, step - (step > 4 ? 2 : 0.5));
    const full = s("rect", { class: "full", x, y: 41, width: size, height: 0, rx: Math.min(1.5, size / 4) });
    const place = s("rect", { class: "place", x, y: 27, width: size, height: 14, rx: Math.min(2, size / 4) });
    return { element: s("g", { class: "cell" }, place, full), full };
  });
  const element = s(
    "g",
    { class: "box topic" },
    title,
    s("rect", { class: "body", width, height, rx: 10 }),
    name,
    ...cells.map((one) => one.element),
    line,
  );
  return { element, title, name, line, cells };
}

// A cell is as full as its partition is behind: one record is seen, a thousand are not yet all of it.
function cell(known, { tone, waiting }) {
  if (!known) return;
  known.element.dataset.tone = tone ?? "none";
  const height = waiting ? Math.min(14, 3 + 1.6 * Math.log2(waiting)) : 0;
  known.full.setAttribute("height", height);
  known.full.setAttribute("y", 41 - height);
}

// Importers by rows, the others by records; in the words of the catalogue.
export function words(box, format) {
  if (box.topic) {
    const { name } = box.topic;
    const counts = { count: format.number(box.waiting), n: box.waiting, age: format.seconds(box.oldest), rate: format.rate(box.topic.rate) };
    const line = box.waiting ? say("topology.topic.waiting", counts) : box.topic.rate ? say("topology.topic.rate", counts) : say("topology.topic.quiet");
    return { name: name.replace(/^import\./, ""), line, title: `${name}: ${line}` };
  }
  const { process: one } = box;
  const line = state(one, format);
  return { name: one.name, line, title: `${one.name}: ${line}` };
}

export function state(one, format) {
  if (one.ended) return say(`topology.process.${one.status}`);
  if (one.silent) return say("topology.process.silent");
  if (one.missing) return say("topology.process.missing", { what: one.missing });
  const rows = one.rate("rows");
  if (rows) return say("topology.process.rows", { count: format.about(rows) });
  if (one.kind === "gateway") return say("topology.process.sockets", { n: one.figures.sockets ?? 0, count: format.number(one.figures.sockets ?? 0) });
  const contacts = one.rate("contacts");
  if (contacts) return say("topology.process.contacts", { count: format.about(contacts) });
  return say(one.waiting && one.kind !== "gateway" ? "topology.process.busy" : "topology.process.idle");
}

function s(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}
