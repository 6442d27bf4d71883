// Finds elements by data-does and hands each to its module; a module's default export takes the element.
// A button that is pressed, or a field that is changed, while its module is still on its way is so again once it is there.

const done = new WeakMap();
const coming = new Map(); // element -> how many of its modules are on their way
const kept = []; // [kind of event, element]

for (const kind of ["click", "input", "change"]) document.addEventListener(kind, keep, true);

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
  }
  for (const [kind, target] of kept.splice(0)) {
    if (kind === "click") target.click();
    else target.dispatchEvent(new Event(kind, { bubbles: true }));
  }
}

function keep(event) {
  const target = event.type === "click" ? event.target.closest?.('button[type="button"]') : event.target;
  if (!target || ![...coming.keys()].some((element) => element.contains(target))) return;
  event.stopImmediatePropagation();
  if (!kept.some(([kind, other]) => kind === event.type && other === target)) kept.push([event.type, target]);
}
