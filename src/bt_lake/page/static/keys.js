// What the keyboard does, wherever it does not type into a field.

import { h } from "./dom.js";
import { search } from "./search.js";

const KEYS = [
  ["/", "go to the filter"],
  ["j  k", "next and previous run"],
  ["x", "select the run"],
  ["c", "compare the selected runs"],
  ["Enter", "open the run"],
  ["Ctrl-K", "find runs by id, strategy, symbol, note, tag"],
  ["Esc", "leave a field, close"],
  ["?", "this list"],
];

export function help() {
  const dialog = h("dialog", { class: "help", "aria-label": "Keys", onclose: () => dialog.remove() },
    h("h2", {}, "Keys"),
    h("dl", {}, KEYS.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])),
    h("form", { method: "dialog" }, h("button", { class: "main" }, "Close")));
  document.body.append(dialog);
  dialog.showModal();
}

export function listen(app) {
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      search(app);
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const field = event.target.closest("input:not([type=checkbox]), textarea, select");
    if (field) {
      if (event.key === "Escape") field.blur();
      return;
    }
    if (event.key === "Enter" && event.target.closest("a, button")) return;
    if (event.key === "?") help();
    else if (!app.view?.keys?.[event.key]) return;
    else app.view.keys[event.key]();
    event.preventDefault();
  });
}
