// Copies the text of the part named in data-copies.
import { announce, part, write } from "../dom.js";
import { say } from "../words.js";

export default function copy(button) {
  button.addEventListener("click", async () => {
    const source = part(document, button.dataset.copies);
    try {
      await navigator.clipboard.writeText(source.textContent);
      write(button, say("common.copied"));
      announce(say("common.copied"));
    } catch {
      getSelection().selectAllChildren(source); // no clipboard here: ready for Ctrl-C
    }
  });
}
