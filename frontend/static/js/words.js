// What the page says, from the catalogue that the server put into it. The same rules as app/web/words.py.

const page = globalThis.document?.getElementById("words");

export const catalogue = page ? JSON.parse(page.textContent) : {};

export function say(key, values = {}) {
  return fill(catalogue, key, values);
}

export function fill(words, key, values = {}) {
  let found = key.split(".").reduce((inner, name) => inner?.[name], words);
  if (typeof found === "object" && found) found = found[values.n === 1 ? "one" : "other"];
  if (typeof found !== "string") throw new Error(`no words for ${key}`);
  return found.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export function has(key) {
  const found = key.split(".").reduce((inner, name) => inner?.[name], catalogue);
  return found !== undefined;
}
