// Which columns a table of runs has: what everybody wants and what varies, or what somebody chose.

import { ask, parse } from "./api.js";
import { h } from "./dom.js";
import { column, columns as known, flat, isNumber, shortId, text, title } from "./format.js";

const LABELS = ["strategy", "symbol", "timeframe", "exit_rule"];
const METRICS = ["sharpe_ratio", "total_return", "cagr", "max_drawdown", "calmar_ratio", "win_rate", "profit_factor", "total_trades"];
const MOST_PARAMS = 6;
const KEPT = "bt-lake.columns";

/** The names that the address gives, or somebody chose before; none: as usual. */
export const chosenColumns = (address) => address.get("columns") ?? localStorage.getItem(KEPT) ?? "";

/** The columns of a table for these rows; where there is little room its numbers come first. */
export function columnsOf(rows, address, beside = false) {
  const chosen = chosenColumns(address);
  if (chosen) return chosen.split(",").map(made);
  for (const row of rows) row.flat = row.params ? flat(parse(row.params)) : {};
  const some = (name) => rows.some((row) => row[name] !== null);
  const differ = (name) => new Set(rows.map((row) => row[name])).size > 1;
  const sort = address.get("sort");
  const labels = LABELS.filter((name, place) => place < 2 ? some(name) : differ(name));
  const metrics = METRICS.filter((name) => name === sort || some(name));
  const extra = sort && !LABELS.includes(sort) && !METRICS.includes(sort) && sort !== "created_at" && sort in (rows[0] ?? {}) ? [sort] : [];
  const numbers = [...extra, ...metrics], varied = params(rows).map((name) => `param.${name}`);
  const found = matchMedia("(max-width: 820px)").matches
    ? [labels[0], ...numbers.slice(0, 3), ...labels.slice(1), ...varied, ...numbers.slice(3)]
    : beside ? [...labels, ...numbers, ...varied] : [...labels, ...varied, ...numbers];
  return [...found, "created_at"].filter(Boolean).map(made);
}

/** The parameters in which some of the rows differ. */
function params(rows) {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.flat)))];
  return names.filter((name) => rows.length === 1
    || new Set(rows.map((row) => JSON.stringify(row.flat[name]))).size > 1).slice(0, MOST_PARAMS);
}

function made(name) {
  const about = column(name), param = name.startsWith("param.");
  const value = (row) => (param && row.flat ? row.flat[name.slice(6)] : row[name]);
  const right = param || isNumber(name) || (!about && name !== "params");
  return {
    name, title: title(name), right, sorts: !["params", "tags", "config", "log", "reported", "extra"].includes(name),
    widest: param ? 110 : undefined,
    hint: about?.meaning ?? (param ? "a parameter" : "a metric of your own"),
    text: (row) => (name === "run_id" ? shortId(row.run_id) : text(name, value(row))),
    look: (row) => (param ? "dim" : value(row) === null || value(row) === undefined ? "dim" : ""),
    cell: name === "strategy" || name === "run_id" ? (row) => [
      h("a", { href: `/run/${encodeURIComponent(row.run_id)}`, tabindex: "-1" }, name === "run_id" ? shortId(row.run_id) : row.strategy),
      row.status === "failed" ? h("span", { class: "failed" }, " failed") : "",
      (row.tags ?? []).map((tag) => h("span", { class: "tag" }, tag)),
    ] : null,
  };
}

/** A dialog of all columns there are; what is chosen goes into the address. */
export async function pickColumns(shown, change) {
  const names = await ask("names") ?? { own: [], params: [] };
  const now = new Set(shown.map((each) => each.name));
  const groups = [
    ["Labels", known().filter((each) => ["label", "identity", "reproduction", "period"].includes(each.group)).map((each) => each.name)],
    ["Parameters", names.params.map((name) => `param.${name}`)],
    ["Metrics", known().filter((each) => ["money", "curve", "trade", "benchmark"].includes(each.group)).map((each) => each.name)],
    ["Your own metrics", names.own],
  ];
  const boxes = [];
  const dialog = h("dialog", { class: "columns", "aria-label": "Columns", onclose: () => dialog.remove() },
    h("h2", {}, "Columns"),
    groups.filter(([, list]) => list.length).map(([heading, list]) => h("fieldset", {},
      h("legend", {}, heading),
      list.map((name) => {
        const box = h("input", { type: "checkbox", value: name, checked: now.has(name) });
        boxes.push(box);
        return h("label", { title: column(name)?.meaning }, box, title(name));
      }))),
    h("p", { class: "buttons" },
      h("button", { onclick: () => { done([]); } }, "As usual"),
      h("button", { onclick: () => dialog.close() }, "Cancel"),
      h("button", { class: "main", onclick: () => {
        const chosen = boxes.filter((box) => box.checked).map((box) => box.value);
        const kept = shown.map((each) => each.name).filter((name) => chosen.includes(name));
        done([...kept, ...chosen.filter((name) => !kept.includes(name))]);
      } }, "Show")));
  const done = (chosen) => {
    dialog.close();
    if (chosen.length) localStorage.setItem(KEPT, chosen.join(","));
    else localStorage.removeItem(KEPT);
    change({ columns: chosen.join(",") });
  };
  document.body.append(dialog);
  dialog.showModal();
}
