// Does something again when asked, but one at a time and at least `apart` milliseconds after the last. Pure.
// It never runs by itself: without an ask there is no run. `run` deals with its own errors.

export class Again {
  #running = false;
  #waiting = false;
  #last = -Infinity;

  constructor(run, { apart = 1000, now = () => performance.now(), later = (act, pause) => setTimeout(act, pause) } = {}) {
    Object.assign(this, { run, apart, now, later });
  }

  ask() {
    if (this.#waiting) return;
    this.#waiting = true;
    if (!this.#running) this.#next();
  }

  #next() {
    const pause = this.#last + this.apart - this.now();
    if (pause > 0) this.later(() => this.#start(), pause);
    else this.#start();
  }

  async #start() {
    this.#waiting = false;
    this.#running = true;
    this.#last = this.now();
    try {
      await this.run();
    } finally {
      this.#running = false;
      if (this.#waiting) this.#next();
    }
  }
}
