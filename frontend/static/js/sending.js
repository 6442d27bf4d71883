// The uploads of this tab. They go on while the page shows something else, and warn before the tab is closed.
import { Upload } from "./upload.js";
import { Unfinished } from "./unfinished.js";

const running = new Map();

export const unfinished = new Unfinished(globalThis.localStorage, () => Date.now() / 1000);

// Starts to send `file` to an import; `print` is its fingerprint, `offset` what is already safe (null: ask).
export function begin({ id, url, file, print, offset = 0 }) {
  const upload = new Upload(url, file, { offset });
  if (print) unfinished.remember({ id, url, name: file.name, size: file.size, print });
  const over = () => {
    running.delete(id);
    unfinished.forget(id);
    guard();
  };
  upload.addEventListener("done", over);
  upload.addEventListener("refused", over);
  running.set(id, upload);
  guard();
  upload.run();
  document.dispatchEvent(new CustomEvent("sending", { detail: { id, upload } }));
  return upload;
}

export function uploadOf(id) {
  return running.get(id);
}

export function stop(id) {
  running.get(id)?.stop();
  running.delete(id);
  unfinished.forget(id);
  guard();
}

function warn(event) {
  event.preventDefault();
}

function guard() {
  if (running.size) window.addEventListener("beforeunload", warn);
  else window.removeEventListener("beforeunload", warn);
}

globalThis.addEventListener?.("online", () => running.forEach((upload) => upload.wake()));
globalThis.document?.addEventListener("visibilitychange", () => running.forEach((upload) => upload.wake()));
