// Numbers, sizes, durations and times, as the workspace's locale and time zone write them. Pure.

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]; // as app/web/figures.py

export class Format {
  // now() in milliseconds; the page hands in one that agrees with the server's clock. `language` is that of the
  // words around: "4 minutes ago" belongs to them, whatever the numbers look like.
  constructor(locale = "en", zone = "UTC", now = Date.now, language = "en") {
    const words = locale.split("-")[0] === language ? locale : language;
    this.locale = locale;
    this.zone = zone;
    this.now = now;
    this.numbers = new Intl.NumberFormat(locale);
    this.relative = new Intl.RelativeTimeFormat(words, { numeric: "auto" });
    this.days = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeZone: zone });
    this.clocks = new Intl.DateTimeFormat(locale, { timeStyle: "medium", timeZone: zone });
    this.exactly = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short", timeZone: zone });
  }

  number(value) {
    return this.numbers.format(value);
  }

  // Two significant digits, for what is only estimated: 98214 -> "98,000".
  about(value) {
    const step = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, value))) - 1);
    return this.number(Math.round(value / step) * step);
  }

  // Only all of it is 100 %.
  percent(share) {
    return `${Math.floor(Math.min(1, share) * 100)} %`;
  }

  size(bytes) {
    if (bytes < 1000) return `${bytes} B`;
    const units = ["kB", "MB", "GB", "TB"];
    let value = bytes / 1000;
    let unit = 0;
    while (value >= 999.5 && unit < units.length - 1) {
      value /= 1000;
      unit += 1;
    }
    const digits = value >= 10 ? 0 : 1;
    return `${new Intl.NumberFormat(this.locale, { maximumFractionDigits: digits }).format(value)} ${units[unit]}`;
  }

  // Seconds as people read a clock: 80 -> "1:20", 4000 -> "1:06:40".
  duration(seconds) {
    const whole = Math.max(0, Math.round(seconds));
    const pad = (value) => String(value).padStart(2, "0");
    const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
    return hours ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
  }

  day(seconds) {
    return this.days.format(seconds * 1000);
  }

  clock(seconds) {
    return this.clocks.format(seconds * 1000);
  }

  moment(seconds) {
    return this.exactly.format(seconds * 1000);
  }

  // "1984-03-07" -> "7 Mar 1984", "--03-07" -> "7 Mar"; anything else stays as it is.
  birthday(text) {
    const [, year, month, day] = /^(\d{4}|-)-(\d\d)-(\d\d)$/.exec(text) ?? [];
    if (!month || month < 1 || month > 12) return text;
    return [Number(day), MONTHS[month - 1], year === "-" ? "" : Number(year)].filter(Boolean).join(" ");
  }

  // "5 minutes ago", "in 3 days"; beyond a month the day itself. Null while it is less than a minute.
  ago(seconds) {
    const away = seconds - this.now() / 1000;
    const size = Math.abs(away);
    if (size < 60) return null;
    if (size < 3600) return this.relative.format(Math.round(away / 60), "minute");
    if (size < 86400) return this.relative.format(Math.round(away / 3600), "hour");
    if (size < 30 * 86400) return this.relative.format(Math.round(away / 86400), "day");
    return new Intl.DateTimeFormat(this.locale, { dateStyle: "medium", timeZone: this.zone }).format(seconds * 1000);
  }
}
