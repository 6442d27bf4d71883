// Sends one file: all of it at first, what is missing after an interruption (tus 1.0). Tells of each step.
// Nothing repeats while all goes well; after a lost connection it tries again with growing, random pauses.

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;

export class Upload extends EventTarget {
  #request = null;
  #stopped = false;
  #pauses = 0;
  #wake = null;

  // `offset`: bytes that are already safe; null when that must be asked first.
  constructor(url, file, { offset = 0, makeRequest = () => new XMLHttpRequest(), pause = wait } = {}) {
    super();
    Object.assign(this, { url, file, offset, makeRequest, pause, sent: offset ?? 0, active: false });
  }

  // Events: progress, trying (connection lost), signed-out, refused (detail: {status, code, why}), done.
  // `run` ends with one of the last three; after signed-out it can be run again.
  async run() {
    this.active = true;
    this.#stopped = false;
    while (!this.#stopped) {
      const answer = this.offset === null ? await this.#ask() : await this.#send();
      if (this.#stopped || this.#settle(answer)) break;
      if (answer.status === 0 || answer.status >= 500 || answer.status === 429) await this.#rest(answer);
    }
    this.active = false;
  }

  stop() {
    this.#stopped = true;
    this.#request?.abort();
    this.#wake?.();
  }

  // The connection is back, or the tab is looked at again: no need to wait longer.
  wake() {
    this.#wake?.();
  }

  // True when nothing more is to be done.
  #settle({ status, code, detail, offset, complete }) {
    if (status >= 200 && status < 300) {
      this.#pauses = 0;
      this.offset = offset ?? this.offset;
      this.sent = this.offset;
      if (complete || this.offset >= this.file.size) return this.#tell("done");
      this.#tell("progress");
      return false;
    }
    if (status === 401) {
      this.offset = null;
      return this.#tell("signed-out");
    }
    if (code === "wrong_offset" || status === 0 || status === 429 || status >= 500) {
      this.offset = null; // only the server knows what arrived
      return false;
    }
    return this.#tell("refused", { status, code, why: detail });
  }

  #ask() {
    return this.#exchange("HEAD", null);
  }

  #send() {
    const rest = this.offset ? this.file.slice(this.offset) : this.file;
    const patch = this.offset > 0;
    return this.#exchange(patch ? "PATCH" : "PUT", rest);
  }

  #exchange(method, body) {
    const request = (this.#request = this.makeRequest());
    request.open(method, this.url);
    request.setRequestHeader("Tus-Resumable", "1.0.0");
    if (body) {
      request.setRequestHeader("Content-Type", "application/offset+octet-stream");
      if (method === "PATCH") request.setRequestHeader("Upload-Offset", String(this.offset));
      const base = this.offset;
      request.upload.onprogress = ({ loaded }) => {
        this.sent = base + loaded;
        this.#tell("progress");
      };
    }
    return new Promise((resolve) => {
      const failed = () => resolve({ status: 0 });
      Object.assign(request, { onerror: failed, onabort: failed, ontimeout: failed });
      request.onload = () => resolve(answerOf(request, method));
      request.send(body);
    });
  }

  async #rest({ after }) {
    this.#tell("trying");
    const most = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#pauses);
    this.#pauses += 1;
    const woken = new Promise((resolve) => {
      this.#wake = resolve;
    });
    await Promise.race([woken, this.pause(after ?? Math.max(100, Math.random() * most))]);
    this.#wake = null;
  }

  #tell(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
    return true;
  }
}

function answerOf(request, method) {
  const offset = request.getResponseHeader("Upload-Offset");
  const retry = Number(request.getResponseHeader("Retry-After"));
  const answer = { status: request.status, after: retry ? retry * 1000 : undefined };
  if (offset !== null) answer.offset = Number(offset);
  else if (method !== "HEAD" && request.status < 300) answer.complete = true;
  try {
    Object.assign(answer, JSON.parse(request.responseText || "{}"), { status: request.status });
  } catch {
    // a proxy's page instead of ours: the status says enough
  }
  return answer;
}

function wait(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
