// How fast a total grows, seen at some moments. A total that falls began anew: its process was restarted. Pure.

const WINDOW = 6; // seconds looked back on
const STALE = 4; // seconds without news mean that it stands still: news come faster while something moves

export class Meter {
  #marks = [];

  // What it was `at` a moment (seconds), `heard` of when: what comes late over a busy machine is no less true.
  add(at, total, heard = at) {
    const last = this.#marks.at(-1);
    if (last && at <= last.at) return;
    if (last && total < last.total) this.#marks = [];
    this.#marks.push({ at, total, heard });
    while (this.#marks.length > 2 && at - this.#marks[0].at > WINDOW) this.#marks.shift();
  }

  // Per second.
  rate(now) {
    const [first, last] = [this.#marks[0], this.#marks.at(-1)];
    if (!first || first === last || now - last.heard > STALE) return 0;
    return (last.total - first.total) / Math.max(1, last.at - first.at);
  }
}

// What was told on one id: the meters of its totals, by name.
export class Meters {
  #meters = new Map();

  add(name, at, total, heard) {
    if (!this.#meters.has(name)) this.#meters.set(name, new Meter());
    this.#meters.get(name).add(at, total, heard);
  }

  rate(name, now) {
    return this.#meters.get(name)?.rate(now) ?? 0;
  }
}
