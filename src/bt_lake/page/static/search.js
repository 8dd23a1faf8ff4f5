// Finding runs by what they are called.

import { ask, rowsOf } from "./api.js";
import { fill, h } from "./dom.js";
import { ratio, shortId, time } from "./format.js";

export function search(app) {
  if (document.querySelector("dialog.search")) return;
  let chosen = 0, rows = [];
  const input = h("input", { type: "search", placeholder: "id, strategy, symbol, sweep, note, tag",
                             "aria-label": "Find runs", oninput: look, onkeydown: typed });
  const list = h("ul", { role: "listbox", "aria-label": "Found" });
  const dialog = h("dialog", { class: "search", onclose: () => dialog.remove() }, input, list);

  async function look() {
    const text = input.value.trim();
    if (!text) { rows = []; show(); return; }
    const found = await ask("search", { q: text }, { key: "search" });
    if (!found) return;
    rows = rowsOf(found);
    chosen = 0;
    show();
  }

  function show() {
    fill(list, rows.map((row, place) =>
      h("li", { role: "option", "aria-selected": String(place === chosen), onclick: () => open(row) },
        h("b", {}, row.strategy), ` ${row.symbol ?? ""} `, h("span", { class: "dim" },
          `${shortId(row.run_id)} · ${time(row.created_at)} · sharpe ${ratio(row.sharpe_ratio)}`),
        row.tags?.length ? h("span", { class: "dim" }, " · " + row.tags.join(", ")) : null,
        row.notes ? h("div", { class: "dim cut" }, row.notes) : null)),
    !rows.length && input.value.trim() ? h("li", { class: "dim" }, "no run is called so") : null);
  }

  function typed(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && rows.length) { chosen = (chosen + step + rows.length) % rows.length; show(); event.preventDefault(); }
    else if (event.key === "Enter" && rows[chosen]) open(rows[chosen]);
  }

  function open(row) {
    dialog.close();
    app.go(`/run/${encodeURIComponent(row.run_id)}`);
  }

  document.body.append(dialog);
  dialog.showModal();
}
