// The operators' page: follows the telemetry on the operators' channel. What time does to it (who fell silent, how old
// something is by now) is told once a second from what is known; nothing is asked for.
import { announce, part } from "../dom.js";
import { follow } from "../follow.js";
import { clock, format } from "../here.js";
import { figures } from "../operate/figures.js";
import { Model } from "../operate/model.js";
import { Picture, words } from "../operate/picture.js";
import { scene } from "../operate/scene.js";
import { Scaling } from "../operate/scaling.js";
import { Tables } from "../operate/tables.js";
import { Tiles } from "../operate/tiles.js";
import { say } from "../words.js";

const SHOWN_EVERY = 250; // milliseconds, however fast news come

export default function topology(root) {
  const model = new Model();
  const told = figures(format);
  const now = () => clock() / 1000;
  const frame = part(root, "frame");
  const picture = new Picture(part(root, "picture"), (box) => words(box, told));
  const views = [new Tiles(root, model, told), new Tables(root, model, told), new Scaling(root, model, told)];
  let waiting = null;
  let there = new Set();

  for (const seen of JSON.parse(part(root, "seen").textContent)) model.take(seen);
  frame.hidden = false;
  there = names();
  show();
  new ResizeObserver(soon).observe(frame);
  root.addEventListener("toggle", soon, true);
  setInterval(() => {
    views[0].draw(now());
    show();
  }, 1000);

  follow(
    { scope: "operators" },
    {
      state: (seen) => model.take(seen, now()) && soon(),
      connection: (good) => (part(root, "connection").hidden = good),
      refused: () => (part(root, "refused").hidden = false),
    },
  );

  function soon() {
    waiting ??= setTimeout(() => {
      waiting = null;
      show();
    }, SHOWN_EVERY);
  }

  function show() {
    if (document.hidden) return;
    const style = getComputedStyle(frame);
    const room = frame.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    picture.show(scene(model, now()), room);
    for (const view of views) view.show(now());
    const here = names();
    const news = [
      ...[...here].filter((name) => !there.has(name)).map((name) => say("topology.processes.came", { name })),
      ...[...there].filter((name) => !here.has(name)).map((name) => say("topology.processes.went", { name })),
    ];
    if (news.length) announce(news.join(" "));
    there = here;
  }

  function names() {
    return new Set(model.processes(now()).filter(({ alive }) => alive).map(({ name }) => name));
  }
}
