// Countries by their codes, in the language of the words around.

const language = globalThis.document?.documentElement.lang || "en";
const names = new Intl.DisplayNames([language], { type: "region", fallback: "code" });

// "DE" -> "Germany"; what is no code stays as it is.
export function countryName(code) {
  return /^[A-Z]{2}$/.test(code) ? names.of(code) : code;
}
