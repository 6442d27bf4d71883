// channel.js: what one channel has told us, and whether anything is missing. Pure.

const OVER = new Set(["finished", "failed", "cancelled"]);

/** How a state would have been told, when it comes in a snapshot. */
export function kindOf(state) {
  if (!OVER.has(state.status)) return "progress";
  return state.visible ? "visible" : state.status;
}

/**
 * The position in a channel and the newest state of each import.
 * `subscribed` and `event` answer the news: [{state, kind}], each newer than anything told before.
 */
export class Channel {
  epoch = null;
  offset = 0;
  states = new Map();

  /** What to send so that nothing is told twice. */
  position() {
    return this.epoch ? { epoch: this.epoch, offset: this.offset } : {};
  }

  /** The answer to `subscribe`: the replay if there is one, then the snapshot. */
  subscribed(frame) {
    this.epoch = frame.epoch;
    this.offset = frame.offset;
    return [
      ...frame.events.flatMap(({ state, kind }) => this.#newer(state, kind)),
      ...frame.states.flatMap((state) => this.#newer(state, kindOf(state))),
    ];
  }

  /** An event; null if something before it is missing and the channel must be subscribed again. */
  event(frame) {
    if (frame.epoch === this.epoch) {
      if (frame.offset <= this.offset) return [];
      if (frame.previous !== this.offset) return null;
    } else if (frame.previous !== 0) {
      return null;
    }
    this.epoch = frame.epoch;
    this.offset = frame.offset;
    return this.#newer(frame.state, frame.kind);
  }

  #newer(state, kind) {
    const known = this.states.get(state.id);
    if (known && state.version <= known.version) return [];
    this.states.set(state.id, state);
    return [{ state, kind }];
  }
}
