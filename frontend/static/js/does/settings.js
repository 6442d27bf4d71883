// Settings: each is saved as soon as it is changed, and shows an example of its effect.
import { call } from "../api.js";
import { announce, part, write } from "../dom.js";
import { clock, format } from "../here.js";
import { Format } from "../format.js";
import { say } from "../words.js";

const DATES = { dmy: [3, 3], mdy: [2, 4], ymd: [3, 3] }; // month (from 0) and day that 03/04 means

export default function settings(root) {
  const displayNames = new Intl.DisplayNames(["en"], { type: "region" });
  const languages = new Intl.DisplayNames(["en"], { type: "language" });
  for (const field of root.querySelectorAll("[data-setting]")) {
    const card = field.closest(".setting");
    const example = part(card, "example");
    if (field.dataset.setting === "phone_region") nameOptions(field, (code) => displayNames.of(code));
    if (field.dataset.setting === "locale") nameOptions(field, (code) => languages.of(code));
    write(example, exampleOf(field));
    field.addEventListener("input", () => write(example, exampleOf(field)));
    field.addEventListener("change", async () => {
      const saved = part(card, "saved");
      write(saved, "");
      try {
        await call("PUT", `/api/v1/settings/${field.dataset.setting}`, { value: valueOf(field) });
        write(saved, say("settings.saved"));
        announce(say("settings.saved"));
      } catch (error) {
        write(saved, error.message);
      }
    });
  }
}

function nameOptions(select, name) {
  const chosen = select.value;
  const options = [...select.options].filter((option) => option.value);
  for (const option of options) option.textContent = `${name(option.value)} (${option.value})`;
  select.append(...options.sort((one, other) => one.textContent.localeCompare(other.textContent)));
  select.value = chosen;
}

function valueOf(field) {
  if (field.dataset.setting === "labels") {
    return [...new Set(field.value.split(",").map((label) => label.trim()).filter(Boolean))];
  }
  return field.value || null;
}

function exampleOf(field) {
  const value = valueOf(field);
  switch (field.dataset.setting) {
    case "phone_region":
      return value ? say("settings.phone_region_example", field.selectedOptions[0].dataset) : say("settings.phone_region_none");
    case "date_order": {
      if (value === "auto") return say("settings.date_order_auto_example");
      const [month, day] = DATES[value];
      const date = new Intl.DateTimeFormat(format.locale, { dateStyle: "long", timeZone: "UTC" });
      return say("settings.date_order_example", { date: date.format(Date.UTC(1985, month, day)) });
    }
    case "existing":
      return say(`check.existing_${value}_why`);
    case "labels":
      return value.length ? value.join(" · ") : say("settings.labels_none");
    case "locale": {
      const other = new Format(value, format.zone, clock);
      return `${other.number(98214)} · ${other.moment(clock() / 1000)}`;
    }
    default:
      return say("settings.now", { time: new Format(format.locale, value, clock).moment(clock() / 1000) });
  }
}
