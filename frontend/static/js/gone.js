// Who is gone at the source of an import, in words; the same as looks.gone in Python.
import { format } from "./here.js";
import { say } from "./words.js";

export function gone(state) {
  const spoken = (key, n) => say(`common.${key}`, { n, count: format.number(n) });
  if (!state.gone) return state.deleted ? spoken("removed", state.deleted) : "";
  const here = state.deleted ? spoken("gone_removed", state.deleted) : say("common.gone_kept");
  return `${spoken("gone", state.gone)}; ${here}`;
}
