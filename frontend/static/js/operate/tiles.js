// The numbers on top of the page, and the line of the last two minutes.

import { part, write } from "../dom.js";
import { say } from "../words.js";

const WIDTH = 240;
const HEIGHT = 44;
const SECONDS = 120;

export class Tiles {
  #root;
  #model;
  #format;

  constructor(root, model, format) {
    this.#root = root;
    this.#model = model;
    this.#format = format;
  }

  show(now) {
    const { number, seconds } = this.#format;
    const { rows, behind, oldest, p50, p99, sockets, rebalances, letters } = this.#model.figures(now);
    this.#write("rows", number(Math.round(rows)));
    this.#write("behind", number(behind));
    this.#write("oldest", behind ? say("topology.tiles.oldest", { age: seconds(oldest) }) : say("topology.tiles.nothing"));
    this.#write("p50", p50 === null ? "–" : seconds(p50));
    this.#write("p99", p99 === null ? say("topology.tiles.few") : say("topology.tiles.p99", { time: seconds(p99) }));
    this.#write("sockets", number(sockets));
    this.#write("rebalances", number(rebalances));
    this.#write("letters", number(letters));
  }

  // One more second of the line; a mark stands where the number of importers changed.
  draw(now) {
    const history = this.#model.history(now);
    const most = Math.max(1, ...history.map(({ rate }) => rate));
    const x = ({ at }) => Math.round((WIDTH - ((now - at) / SECONDS) * WIDTH) * 10) / 10;
    const y = ({ rate }) => Math.round((HEIGHT - 3 - (rate / most) * (HEIGHT - 8)) * 10) / 10;
    const points = history.map((mark) => `${x(mark)} ${y(mark)}`);
    const marks = history.filter((mark, index) => index && mark.importers !== history[index - 1].importers);
    const svg = part(this.#root, "spark");
    const line = points.length > 1 ? `M${points.join("L")}` : "";
    path(svg, "fill", line && `${line}L${WIDTH} ${HEIGHT}L${x(history[0])} ${HEIGHT}Z`);
    path(svg, "marks", marks.map((mark) => `M${x(mark)} 0V${HEIGHT}`).join(""));
    path(svg, "line", line);
  }

  #write(name, text) {
    write(part(part(this.#root, "tiles"), name), text);
  }
}

function path(svg, name, data) {
  const known = svg.querySelector(`.${name}`);
  const element = known ?? document.createElementNS(svg.namespaceURI, "path");
  if (!known) {
    element.setAttribute("class", name);
    svg.append(element);
  }
  element.setAttribute("d", data);
}
