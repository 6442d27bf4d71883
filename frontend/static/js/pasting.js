// Rows copied from a spreadsheet or a mail: they become a file like any other.

// `dialog` holds a textarea; choose(file) takes the rows. Answers a function that opens it, with some text or without.
export function pasting(dialog, choose) {
  const field = dialog.querySelector("textarea");
  dialog.querySelector("form").addEventListener("submit", (event) => {
    if (event.submitter?.value !== "look") return; // the browser closes it
    event.preventDefault();
    if (!field.value.trim()) return field.focus();
    dialog.close();
    choose(fileOf(field.value));
  });
  window.addEventListener("paste", (event) => {
    if (!dialog.isConnected || dialog.open || event.target.closest?.("input, textarea, form")) return;
    const [file] = event.clipboardData.files;
    const text = event.clipboardData.getData("text/plain");
    if (file) choose(file);
    else if (text.includes("\n")) open(text);
  });

  function open(text) {
    if (text) field.value = text;
    dialog.showModal();
    field.focus();
  }
  return (text) => open(typeof text === "string" ? text : "");
}

export function fileOf(text) {
  return new File([text], "pasted.csv", { type: "text/csv" });
}
