// Runs side by side: differences first, metrics with the best marked, curves, how alike they are.

import { Refused, ask } from "./api.js";
import { lookOf } from "./chart.js";
import { fill, h } from "./dom.js";
import { column, many, ratio, shortId, text, title } from "./format.js";
import { failed } from "./main.js";
import { charts, swatch } from "./panel.js";

const MIX = ["total_return", "cagr", "sharpe_ratio", "max_drawdown", "volatility", "calmar_ratio"];

/** How far below its highest value so far each one lies. */
function fallen(equity, base) {
  let peak = base;
  return equity.map((value) => { peak = Math.max(peak, value); return value / peak - 1; });
}

export function compareView(root, app) {
  root.className = "page wide-page";
  const named = new URLSearchParams(location.search).get("runs") ?? "";
  let spans = [];

  async function load() {
    let found, drawn;
    try {
      [found, drawn] = await Promise.all([
        ask("compare", { runs: named }, { key: "compare" }),
        ask("curve", { runs: named }, { key: "compare-curve" }).catch(() => ({ curves: [] }))]);
    } catch (error) {
      if (error instanceof Refused) { failed(root, error); return; }
      throw error;
    }
    if (!found || !drawn) return;
    const { ids, runs } = found;
    const order = (curve) => ids.indexOf(curve.run_id);
    const curves = drawn.curves.sort((a, b) => order(a) - order(b));
    const looks = new Map(curves.map((curve, place) => [curve.run_id, lookOf(place)]));
    const heads = (first) => h("thead", {}, h("tr", {}, h("th", { scope: "col" }, first), runs.map((run) =>
      h("th", { scope: "col", class: "right" }, swatch(looks.get(run.run_id)),
        h("a", { href: `/run/${encodeURIComponent(run.run_id)}`, title: run.run_id }, shortId(run.run_id)),
        h("div", {}, [run.strategy, run.symbol].filter(Boolean).join(" "))))));
    const drawing = curves.length ? charts(curves, { height: 280, named: shortId }) : [h("p", { class: "dim" }, "None of them has a curve.")];
    spans = drawing;
    const mixed = h("section", {});
    drawMix(mixed);
    fill(root,
      h("h1", {}, `${many(ids.length, "run")} compared`),
      h("h2", {}, "What differs"),
      found.differences.length ? h("div", { class: "scroll" }, h("table", { class: "small beside" }, heads(""),
        h("tbody", {}, found.differences.map((line) => h("tr", {},
          h("th", { scope: "row" }, line.section === "label" ? title(line.name) : line.name, line.section === "config" ? h("span", { class: "dim" }, " config") : null),
          line.values.map((value) => h("td", { class: "right" }, text(line.section === "label" ? line.name : "", value)))))))) : h("p", { class: "dim" }, "Nothing but their numbers."),
      h("h2", {}, "Returns"), drawing,
      h("h2", {}, "Metrics"),
      h("div", { class: "scroll" }, h("table", { class: "small beside" }, heads(""), h("tbody", {}, found.metrics.map((line) => h("tr", {},
        h("th", { scope: "row", title: column(line.name)?.meaning }, title(line.name)),
        line.values.map((value, place) => h("td", { class: `right${line.best.includes(place) ? " best" : ""}` },
          text(line.name, value), h("span", { class: "star", "aria-label": line.best.includes(place) ? "best" : null }, line.best.includes(place) ? "★" : "")))))))),
      mixed,
      h("h2", {}, "Correlation of daily returns"),
      h("div", { class: "scroll" }, h("table", { class: "small beside" }, heads(""), h("tbody", {}, ids.map((id, i) => h("tr", {},
        h("th", { scope: "row" }, shortId(id)),
        ids.map((_, j) => h("td", { class: "right", title: `${found.overlap[i][j]} common days` },
          i === j ? "1.00" : ratio(found.correlation[i][j])))))))),
      h("p", { class: "dim" }, "Runs of one family that go up and down together are nearly the same bet."));
  }

  /** All of them in equal parts, where they have days in common. */
  async function drawMix(place) {
    const found = await ask("mix", { runs: named }, { key: "mix" }).catch((error) => error);
    if (!found || found instanceof Error) {
      if (found) fill(place, h("h2", {}, "In equal parts"), h("p", { class: "dim" }, found.message));
      return;
    }
    const made = charts([{ run_id: "mix", ts: found.ts, equity: found.equity, base: found.base, drawdown: fallen(found.equity, found.base) }], { height: 180 });
    spans = [...spans, ...made];
    fill(place, h("h2", {}, "In equal parts, rebalanced each month"),
      h("dl", { class: "cards" }, MIX.map((name) => h("div", { title: column(name).meaning }, h("dt", {}, title(name)), h("dd", {}, text(name, found.metrics[name]))))), made);
  }

  load();
  return { repaint: () => spans.forEach((each) => each.chart?.draw()), keys: { Escape: () => history.back() } };
}
