// A time, told relatively; the exact one is in the tooltip. Kept fresh by one clock for the whole page, no request.
import { write } from "../dom.js";
import { format } from "../here.js";
import { say } from "../words.js";

const shown = new Set();

export default function when(time) {
  tell(time);
  if (!shown.size) setInterval(() => shown.forEach(tell), 30_000);
  shown.add(time);
}

function tell(time) {
  if (!time.isConnected) return shown.delete(time);
  const seconds = Date.parse(time.getAttribute("datetime")) / 1000;
  time.title = format.moment(seconds);
  return write(time, format.ago(seconds) ?? say("common.just_now"));
}
