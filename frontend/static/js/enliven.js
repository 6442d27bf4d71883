// Finds elements by data-does and hands each to its module; a module's default export takes the element.

const done = new WeakMap();

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
  const module = await import(`./does/${name}.js`);
  module.default(element);
}
