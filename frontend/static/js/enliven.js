// Finds elements by data-does and hands each to its module; a module's default export takes the element.
// A button that is pressed while its module is still on its way is pressed again once the module is there.

const done = new WeakMap();
const coming = new Map(); // element -> how many of its modules are on their way
const pressed = [];

document.addEventListener("click", keep, true);

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
  for (const button of pressed.splice(0)) button.click();
}

function keep(event) {
  const button = event.target.closest?.('button[type="button"]');
  if (button && [...coming.keys()].some((element) => element.contains(button))) {
    event.stopImmediatePropagation();
    pressed.push(button);
  }
}
