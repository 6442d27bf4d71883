// How this page writes its numbers: rates, and times from milliseconds to minutes. Functions, so that they can be handed on.

import { say } from "../words.js";

export function figures(format) {
  const number = (value) => format.number(value);
  // 0.4, 12, 48,000: three digits say enough.
  const about = (value) => number(value < 10 ? Math.round(value * 10) / 10 : Number(value.toPrecision(3)));
  return {
    number,
    percent: (share) => `${Math.round(share * 100)} %`,
    size: (bytes) => format.size(bytes),
    ago: (seconds) => format.ago(seconds),
    moment: (seconds) => format.moment(seconds),
    about,
    rate: (value) => say("topology.rate", { count: about(value) }),
    seconds(value) {
      if (value < 1) return say("topology.time.ms", { count: number(Math.round(value * 1000)) });
      if (value < 120) return say("topology.time.s", { count: number(value < 10 ? Math.round(value * 10) / 10 : Math.round(value)) });
      return say("topology.time.min", { count: number(Math.round(value / 60)) });
    },
  };
}
