// What stands beside the table: one run, or several over each other; and what can be done to them.

import { ask, parse, rowsOf } from "./api.js";
import { Span, lineChart, lookOf } from "./chart.js";
import { fill, h, prompt, say } from "./dom.js";
import { column, flat, many, percent, shortId, text, title } from "./format.js";

export const MOST_BESIDE = 12;
export const CARDS = ["total_return", "cagr", "sharpe_ratio", "max_drawdown", "win_rate", "total_trades"];
const COLUMNS = ["run_id", "strategy", "symbol", "timeframe", "params", "tags", "notes", "error", ...CARDS];

export const cards = (row) => h("dl", { class: "cards" }, CARDS.map((name) =>
  h("div", { title: column(name).meaning }, h("dt", {}, title(name)), h("dd", {}, text(name, row[name])))));

const returns = (curve) => curve.equity.map((value) => value / curve.base - 1);
const whole = (value) => percent(value, { digits: Math.abs(value) < 0.1 ? 1 : 0 });

/** Curves over each other as returns, and the drawdown of one alone. */
export function charts(curves, { named = (id) => shortId(id), height = 200 } = {}) {
  const span = new Span();
  const alone = curves.length === 1;
  const lines = curves.map((curve, place) => ({
    ts: curve.ts, values: returns(curve), name: alone ? "" : named(curve.run_id), ...lookOf(place) }));
  const found = [lineChart(lines, { height, write: whole, span, label: alone ? "Return" : "Returns of the chosen runs" })];
  if (alone) found.push(lineChart(
    [{ ts: curves[0].ts, values: curves[0].drawdown, colour: "--bad", area: true, name: "" }],
    { height: Math.round(height * 0.5), write: whole, span, label: "Drawdown" }));
  return found;
}

export async function panel(place, app, ids, { all, done, away }) {
  const several = ids.length > 1;
  const buttons = actions(all, app, done);
  const close = h("button", { class: "close", "aria-label": "Close the panel", onclick: away }, "×");
  const query = new URLSearchParams({ columns: COLUMNS.join(","), n: ids.length, where: `run_id in (${ids.map((id) => `'${id.replaceAll("'", "''")}'`).join(", ")})` });
  const [found, drawn] = await Promise.all([
    ask("runs", query, { key: "panel" }),
    ask("curve", { runs: ids.join(","), points: 1000 }, { key: "panel-curve" }).catch(() => ({ curves: [] })),
  ]);
  if (!found || !drawn) return;
  const rows = rowsOf(found).sort((a, b) => ids.indexOf(a.run_id) - ids.indexOf(b.run_id));
  const curves = drawn.curves.sort((a, b) => ids.indexOf(a.run_id) - ids.indexOf(b.run_id));
  if (!rows.length) { fill(place, close, h("p", { class: "dim" }, "These runs are not there, or deleted.")); return; }
  fill(place, close, several ? overview(rows, curves) : single(rows[0]),
    curves.length ? charts(curves) : h("p", { class: "dim" }, several ? "None of them has a curve." : withoutCurve(rows[0])),
    buttons);
}

export const withoutCurve = (row) =>
  row.status === "failed" ? "It failed, and has no curve." : "It has no curve: its numbers are as its source reports.";

function single(row) {
  const params = Object.entries(flat(row.params ? parse(row.params) : {}));
  return [
    h("h2", {}, h("a", { href: `/run/${encodeURIComponent(row.run_id)}` }, row.strategy), " ",
      h("span", { class: "dim" }, [row.symbol, row.timeframe].filter(Boolean).join(" "))),
    h("p", { class: "dim" }, [...params.map(([name, value]) => `${name} ${text("", value)}`), shortId(row.run_id)].join(" · ")),
    row.tags?.length ? h("p", {}, row.tags.map((tag) => h("span", { class: "tag" }, tag))) : null,
    row.error ? h("p", { class: "error cut" }, row.error.trim().split("\n").at(-1)) : cards(row),
    row.notes ? h("p", { class: "notes" }, row.notes) : null,
  ];
}

function overview(rows, curves) {
  const drawn = new Map(curves.map((curve, place) => [curve.run_id, lookOf(place)]));
  return [
    h("h2", {}, `${many(rows.length, "run")}`),
    h("div", { class: "scroll" }, h("table", { class: "small" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "run"), ["total_return", "sharpe_ratio", "max_drawdown"].map((name) => h("th", { scope: "col", class: "right" }, title(name))))),
      h("tbody", {}, rows.map((row) => h("tr", {},
        h("th", { scope: "row" }, swatch(drawn.get(row.run_id)),
          h("a", { href: `/run/${encodeURIComponent(row.run_id)}`, title: `${row.strategy} ${row.symbol ?? ""}` }, shortId(row.run_id))),
        ["total_return", "sharpe_ratio", "max_drawdown"].map((name) => h("td", { class: "right" }, text(name, row[name])))))))),
  ];
}

export const swatch = (look) =>
  h("span", { class: `swatch${look?.dash.length ? " dashed" : ""}`, style: { "--colour": look ? `var(${look.colour})` : "transparent" } });

export function actions(ids, app, done) {
  const button = (what, label, kind = "") =>
    h("button", { class: kind, onclick: () => act(what, ids, app, done) }, label);
  const writes = app.about.read_only ? [] : [button("tag", "Tag"), button("note", "Note"), button("delete", "Delete", "danger")];
  return h("p", { class: "actions" },
    ids.length > 1 ? button("compare", "Compare", "main") : null,
    ...writes,
    ids.length <= MOST_BESIDE ? h("a", { class: "button", download: true, title: "all of it on one page, as a file", href: `/api/report?runs=${ids.map(encodeURIComponent).join(",")}` }, "Report") : null,
    h("a", { class: "button", download: true, href: `/api/export/csv?runs=${ids.map(encodeURIComponent).join(",")}` }, "CSV"),
    h("a", { class: "button", download: true, href: `/api/export/parquet?runs=${ids.map(encodeURIComponent).join(",")}` }, "Parquet"));
}

const QUESTIONS = {
  tag: (n) => `A tag for ${n}`, untag: (n) => `Take which tag from ${n}`, note: (n) => `A line for the notes of ${n}`,
  delete: (n) => `Delete ${n}? They still count as trials, and can be restored.`,
  restore: (n) => `Bring ${n} back?`,
};
const DONE = { tag: "tagged", untag: "untagged", note: "noted", delete: "deleted", restore: "restored" };

/** Asks, does it, and says what was done. */
export async function act(what, ids, app, done) {
  if (what === "compare") {
    if (ids.length < 2) say("select two runs or more: x, or the boxes");
    else if (ids.length > MOST_BESIDE) say(`at most ${MOST_BESIDE} runs can be compared`);
    else app.go(`/compare?runs=${ids.map(encodeURIComponent).join(",")}`);
    return;
  }
  if (!ids.length || !QUESTIONS[what]) return;
  const text = await prompt(QUESTIONS[what](many(ids.length, "run")), {
    text: ["delete", "restore"].includes(what) ? null : "", yes: what[0].toUpperCase() + what.slice(1), danger: what === "delete" });
  if (text === null || (text === "" && !["delete", "restore"].includes(what))) return;
  const answer = await ask("mark", {}, { key: `mark-${what}`, body: { act: what, text, runs: ids } });
  if (!answer) return;
  say(`${many(answer.marked, "run")} ${DONE[what]}`);
  done();
}
