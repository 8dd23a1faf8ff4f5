// The returns of each month as a table, a year a row.

import { h } from "./dom.js";
import { percent } from "./format.js";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** months: [["2024-01-01", 0.05], ...] */
export function monthly(months) {
  const years = new Map();
  for (const [first, value] of months) {
    const [year, month] = first.split("-").map(Number);
    if (!years.has(year)) years.set(year, Array(12).fill(undefined));
    years.get(year)[month - 1] = value;
  }
  const most = Math.max(0.001, ...months.map(([, value]) => Math.abs(value ?? 0)));
  return h("div", { class: "scroll" }, h("table", { class: "monthly" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Year"), MONTHS.map((name) => h("th", { scope: "col" }, name)), h("th", { scope: "col" }, "All"))),
    h("tbody", {}, [...years].map(([year, values]) => h("tr", {},
      h("th", { scope: "row" }, String(year)),
      values.map((value) => h("td", value === undefined || value === null ? {} : {
        class: value > 0 ? "up" : value < 0 ? "down" : "", style: { "--strength": `${Math.round((Math.abs(value) / most) * 55)}%` } },
        value === undefined ? "" : percent(value, { signed: false }))),
      h("td", { class: "year" }, percent(values.reduce((all, value) => all * (1 + (value ?? 0)), 1) - 1, { signed: false })))))));
}
