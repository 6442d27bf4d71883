// What a contact is called and how it looks in short. Pure; the same rules as app/web/looks.py.

// There, the family comes first.
const EAST_ASIAN = /^[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}]/u;

export function title(contact) {
  const { given = "", middle, family = "" } = contact;
  const turned = EAST_ASIAN.test(given) && EAST_ASIAN.test(family);
  const parts = (turned ? [family, middle, given] : [given, middle, family]).filter(Boolean).join(" ");
  const reach = (values) => values?.[0]?.value || values?.[0]?.raw;
  const candidates = [contact.name, parts, contact.nickname, contact.company, reach(contact.emails), reach(contact.phones)];
  return candidates.find(Boolean) ?? "";
}

export function initials(contact) {
  const { given, family } = contact;
  const pieces = given && family ? [given, family] : title(contact).split(/\s+/);
  const letters = pieces.map((piece) => [...piece].find((mark) => /\p{L}/u.test(mark))).filter(Boolean);
  return [...letters.slice(0, 1), ...letters.slice(1).slice(-1)].join("").toUpperCase();
}

export function tone(contact) {
  return new TextEncoder().encode(title(contact)).reduce((sum, byte) => sum + byte, 0) % 6;
}

export function work(contact) {
  return [contact.title, contact.department, contact.company].filter(Boolean).join(", ");
}
