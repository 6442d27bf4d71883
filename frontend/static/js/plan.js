// Editing a plan: where a column goes, told as one word per choice ("given", "emails.value"). Pure.
// Only the server makes whole plans; what changes here is sent back to it with the next preview.

export const GROUPS = {
  name: ["name.full", "name.last_first", "given", "middle", "family", "prefix", "suffix", "nickname"],
  reach: ["emails.value", "phones.value", "urls.value", "emails.label", "phones.label", "urls.label"],
  address: ["street", "city", "region", "postal_code", "country", "whole", "label"].map((part) => `addresses.${part}`),
  work: ["company", "department", "title"],
  more: ["birthday.whole", "birthday.year", "birthday.month", "birthday.day", "notes", "labels"],
  rest: ["custom", "none"],
};

const SLOTTED = new Set(["emails", "phones", "urls", "addresses"]);
export const KINDS = { emails: ["work", "home", "other"], phones: ["mobile", "work", "home", "other"], addresses: ["work", "home", "other"] };

// The choice that a column of a plan stands for.
export function choiceOf(column) {
  if (!column) return "none";
  const part = column.part ?? (SLOTTED.has(column.field) ? "value" : null);
  return part ? `${column.field}.${part}` : column.field;
}

// The key in the catalogue's section "field" for a choice.
export function wordOf(choice) {
  const [field, part] = choice.split(".");
  if (choice === "name.last_first") return "last_first";
  return !part || part === "full" || (part === "value" && field !== "addresses") || choice === "birthday.whole"
    ? field
    : `${field}_${part}`;
}

export function columnOf(plan, index) {
  return plan.columns?.find((column) => column.index === index);
}

// The plan with column `index` going to `choice`; what else is known of the column stays where it still fits.
export function withChoice(plan, index, choice, header) {
  const old = columnOf(plan, index);
  const [field, part] = choice.split(".");
  const column = { index, field };
  if (header) column.header = header;
  if (field === "custom") column.key = (header || `Column ${index + 1}`).slice(0, 100);
  if (part) column.part = part;
  if (SLOTTED.has(field)) {
    column.slot = freeSlot(plan, index, field, part);
    const kind = kindNear(plan, index, field, column.slot) ?? (old?.field === field ? old.label : undefined);
    if (kind && part !== "label") column.label = kind;
  }
  if (field === "labels" && old?.field === "labels" && old.split) column.split = old.split;
  return withColumn(plan, column);
}

// The plan with every column of this one's slot being of `kind` ("work", "" for none).
export function withKind(plan, index, kind) {
  const target = columnOf(plan, index);
  const columns = plan.columns.map((column) => {
    if (column.field !== target.field || column.slot !== target.slot || column.part === "label") return column;
    const { label, ...rest } = column;
    return kind ? { ...rest, label: kind } : rest;
  });
  return { ...plan, columns };
}

// What is left of a plan when the way the file is cut into cells changes: columns must be recognised anew.
export function recut(plan, changes) {
  const { columns, signature, ...rest } = plan;
  return { ...rest, ...changes };
}

function withColumn(plan, column) {
  const others = (plan.columns ?? []).filter((other) => other.index !== column.index);
  return { ...plan, columns: [...others, column].sort((one, other) => one.index - other.index) };
}

// Parts of an address, or a value and its kind, belong together in one slot: the first that lacks this part.
function freeSlot(plan, index, field, part) {
  const taken = new Set(
    (plan.columns ?? [])
      .filter((other) => other.index !== index && other.field === field && (other.part ?? "value") === part)
      .map((other) => other.slot),
  );
  let slot = 1;
  while (taken.has(slot)) slot += 1;
  return slot;
}

function kindNear(plan, index, field, slot) {
  return (plan.columns ?? []).find(
    (other) => other.index !== index && other.field === field && other.slot === slot && other.label,
  )?.label;
}
