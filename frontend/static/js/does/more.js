// Keyset paging that feels like scrolling: the next page is fetched when the end comes near, and added to the list.
import { piece } from "../api.js";
import { fragment } from "../dom.js";
import { enliven } from "../enliven.js";

export default function more(list) {
  const link = list.parentElement.querySelector('[data-part="next"]') ?? list.parentElement.nextElementSibling;
  if (!list.dataset.next || !link) return;
  let fetching = false;

  async function next() {
    if (fetching || !list.dataset.next) return;
    fetching = true;
    try {
      const page = fragment(await piece(list.dataset.next));
      const added = page.querySelector(`[data-does~="more"]`);
      const rows = added ? [...added.children] : [];
      list.append(...rows);
      rows.forEach((row) => enliven(row));
      list.dataset.next = added?.dataset.next ?? "";
      link.hidden = !list.dataset.next;
      if (list.dataset.next) link.href = list.dataset.next;
      watcher.disconnect();
    } finally {
      fetching = false;
    }
    if (list.dataset.next) watcher.observe(link); // anew: it tells of changes, and the end may be as near as before
  }

  const watcher = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && next(), {
    rootMargin: "600px",
  });
  watcher.observe(link);
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const last = list.lastElementChild;
    next().then(() => last?.nextElementSibling?.querySelector("a")?.focus());
  });
}
