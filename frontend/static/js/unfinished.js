// Which files this browser began to send, so that the same file, chosen again, goes on where it stopped. Pure.
// A file is known by its size and a hash of its beginning; nothing of its contents is kept.

const NAME = "addressbus.unfinished";
const MOST = 20;
const DAY = 86_400; // an upload that nobody continues for a day ends

export class Unfinished {
  // `storage` like localStorage, `now` in seconds.
  constructor(storage, now) {
    this.storage = storage;
    this.now = now;
  }

  all() {
    try {
      const kept = JSON.parse(this.storage.getItem(NAME)) ?? [];
      return kept.filter((entry) => this.now() - entry.at < DAY);
    } catch {
      return []; // storage is closed, or holds what we did not write
    }
  }

  // entry: { id, url, name, size, print }
  remember(entry) {
    const others = this.all().filter((other) => other.id !== entry.id);
    this.#write([{ ...entry, at: this.now() }, ...others].slice(0, MOST));
  }

  forget(id) {
    this.#write(this.all().filter((entry) => entry.id !== id));
  }

  find({ size, print }) {
    return this.all().find((entry) => entry.size === size && entry.print === print);
  }

  of(id) {
    return this.all().find((entry) => entry.id === id);
  }

  #write(entries) {
    try {
      this.storage.setItem(NAME, JSON.stringify(entries));
    } catch {
      // Without storage an interrupted file is sent anew; nothing else depends on it.
    }
  }
}

// SHA-256 over size and the first bytes, as hex digits; null where the browser offers no hash.
export async function printOf(size, head, subtle = globalThis.crypto?.subtle) {
  if (!subtle) return null;
  const prefix = new TextEncoder().encode(`${size}:`);
  const bytes = new Uint8Array(prefix.length + head.byteLength);
  bytes.set(prefix);
  bytes.set(new Uint8Array(head), prefix.length);
  const digest = new Uint8Array(await subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
