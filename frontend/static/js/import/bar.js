// The bar in two tones: what is received, and what is done.
import { part } from "../dom.js";
import { ENDED, shares } from "../state.js";

export function showBar(root, state) {
  const bar = part(root, "bar");
  if (!bar) return;
  const { received, done } = shares(state);
  bar.setAttribute("class", `bar ${state.status}`);
  // A bar never goes back while an import runs.
  grow(part(bar, "received"), received, ENDED.has(state.status));
  grow(part(bar, "done"), done, ENDED.has(state.status));
  bar.setAttribute("aria-valuenow", Math.floor(done * 100));
}

function grow(rect, share, anyway) {
  const width = Math.round(share * 10_000) / 10;
  if (anyway || width > Number(rect.getAttribute("width"))) rect.setAttribute("width", width);
}
