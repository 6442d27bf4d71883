// Small words for the document: finding parts by data-part, and building elements without any HTML text.

export function part(root, name) {
  return root.querySelector(`[data-part="${name}"]`);
}

// h("p", { class: "small", hidden: true, dataset: { part: "x" }, onclick: f }, "text", child)
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "dataset") Object.assign(element.dataset, value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

// Writes only what differs, so that nobody's selection or screen reader is disturbed for nothing.
export function write(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

// The elements of a template, ready to be put into the page.
export function copyOf(template) {
  return document.importNode(template.content, true).firstElementChild;
}

// The elements of a piece of HTML that our own server rendered.
export function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

// Tells people who listen; at most what matters.
export function announce(text) {
  write(part(document, "voice"), text);
}
