// Finds elements by data-does and hands each to its module; a module's default export takes the element.
// What is pressed, changed or sent while its module is still on its way is so again once that is there, or cannot be had.

const done = new WeakMap();
const coming = new Map(); // element -> how many of its modules are on their way
const kept = []; // [kind of event, element, what sent the form]
const PRESSED = 'button[type="button"], a[data-does]';

for (const kind of ["click", "input", "change", "submit"]) document.addEventListener(kind, keep, true);

export async function enliven(root) {
  const found = [...(root.matches?.("[data-does]") ? [root] : []), ...root.querySelectorAll("[data-does]")];
  await Promise.all(found.flatMap((element) => names(element).map((name) => once(element, name))));
}

function names(element) {
  return element.dataset.does.split(" ").filter(Boolean);
}

async function once(element, name) {
  const known = done.get(element) ?? new Set();
  if (known.has(name)) return;
  done.set(element, known.add(name));
  coming.set(element, (coming.get(element) ?? 0) + 1);
  try {
    const module = await import(`./does/${name}.js`);
    module.default(element);
  } finally {
    const left = coming.get(element) - 1;
    if (left) coming.set(element, left);
    else coming.delete(element);
    for (const one of kept.splice(0)) again(...one);
  }
}

function keep(event) {
  const target = event.type === "click" ? event.target.closest?.(PRESSED) : event.target;
  if (!target || ![...coming.keys()].some((element) => element.contains(target))) return;
  const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey; // a link that opens in another tab is only a link
  if (target.matches("a") && elsewhere) return;
  event.stopImmediatePropagation();
  if (event.type === "submit" || target.matches("a")) event.preventDefault();
  if (!kept.some(([kind, other]) => kind === event.type && other === target)) kept.push([event.type, target, event.submitter]);
}

function again(kind, target, submitter) {
  if (kind === "click") target.click();
  else if (kind === "submit") target.requestSubmit(submitter);
  else target.dispatchEvent(new Event(kind, { bubbles: true }));
}
