// How fast something goes, measured over the last seconds, and how long the rest will take. Pure.

const WINDOW = 8; // seconds looked back on
const ENOUGH = 1.5; // seconds before anything is claimed

export class Pace {
  #marks = [];

  // `at` in seconds, `value` what is done by then; values never fall.
  add(at, value) {
    const last = this.#marks.at(-1);
    if (last && (at < last.at || value < last.value)) return;
    this.#marks.push({ at, value });
    while (this.#marks.length > 2 && at - this.#marks[0].at > WINDOW) this.#marks.shift();
  }

  // Per second, or null while too little is known.
  get rate() {
    const [first, last] = [this.#marks[0], this.#marks.at(-1)];
    if (!first || last.at - first.at < ENOUGH) return null;
    return (last.value - first.value) / (last.at - first.at);
  }

  // Seconds until `whole` is reached, or null.
  left(whole) {
    const rate = this.rate;
    return rate ? Math.max(0, whole - this.#marks.at(-1).value) / rate : null;
  }
}
