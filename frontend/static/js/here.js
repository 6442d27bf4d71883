// How this page formats: locale, time zone and clock of the workspace, read from the html element.
import { Format } from "./format.js";

const { lang, dataset } = document.documentElement;
const { locale, zone, now } = dataset;
const ahead = Number(now) * 1000 - Date.now();

// The server's clock, as far as the page knows it.
export const clock = () => Date.now() + ahead;

export const format = new Format(locale, zone, clock, lang);
