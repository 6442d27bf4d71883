// A details element that behaves like a menu: closes on Escape, on a click elsewhere and when the focus leaves.
export default function menu(details) {
  const close = () => details.removeAttribute("open");
  details.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !details.open) return;
    close();
    details.querySelector("summary").focus();
  });
  details.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget && !details.contains(relatedTarget)) close();
  });
  document.addEventListener("click", ({ target }) => {
    if (!details.contains(target)) close();
  });
}
