// One run in full: cards, luck, curve, months, metrics, trades, what made it, what became of it.

import { Refused, ask, drop, rowsOf } from "./api.js";
import { Span, lineChart } from "./chart.js";
import { fill, h } from "./dom.js";
import { MISSING, column, columns, count, day, flat, many, percent, ratio, shortId, text, time, title, tradeColumns } from "./format.js";
import { monthly } from "./monthly.js";
import { act, actions, cards, withoutCurve } from "./panel.js";
import { spread } from "./spread.js";
import { Table } from "./table.js";

const LABELS = ["strategy_type", "strategy_version", "exit_rule", "engine", "engine_version", "data_source", "model_path", "sweep", "fold", "sample", "currency"];
const MADE = ["entrypoint", "code_hash", "data_hash", "params_hash", "reproduced_from", "metrics_from", "definitions", "duration_s", "created_at", "ingested_at", "commit_id", "bars", "periods_per_year", "time_zone"];
const MARKS_UP_TO = 2000;
const whole = (value) => percent(value, { digits: Math.abs(value) < 0.1 ? 1 : 0 });
const money = (value) => Math.abs(value) >= 1e6 ? value.toExponential(1) : value.toLocaleString("en-US", { maximumFractionDigits: 0 });

export function runView(root, app, id) {
  root.className = "page run";
  let state = { log: false };

  async function load() {
    let found;
    try {
      found = await ask(`run/${encodeURIComponent(id)}`, {}, { key: "run" });
    } catch (error) {
      if (error instanceof Refused) { await unknown(error); return; }
      throw error;
    }
    if (!found) return;
    const row = found.run;
    document.title = `${row.strategy} ${row.symbol ?? ""} · ${app.about.lake}`;
    const curve = h("section", { class: "wide" }), falls = h("section", { class: "wide" }), trades = h("section", { class: "wide" });
    fill(root, header(found, row), cards(row), luck(found.standing),
      row.error ? h("section", { class: "wide" }, h("h2", {}, "Why it failed"), h("pre", { class: "error" }, row.error)) : null,
      curve,
      found.monthly.length ? h("section", { class: "wide" }, h("h2", {}, "Monthly returns"), monthly(found.monthly)) : null,
      falls,
      h("section", {}, h("h2", {}, "Metrics"), metrics(found)),
      h("section", {}, facts("Parameters", Object.entries(flat(row.params ?? {}))), facts("Labels", LABELS.map((name) => [title(name), row[name], name])),
        row.notes ? [h("h2", {}, "Notes"), h("p", { class: "notes" }, row.notes)] : null,
        facts("What made it", MADE.map((name) => [title(name), row[name], name])),
        facts("Config", Object.entries(flat(row.config ?? {}))), history(found.events)),
      trades,
      row.log ? h("section", { class: "wide" }, h("details", {}, h("summary", {}, "What it printed"), h("pre", {}, row.log))) : null);
    if (row.deleted_at === null) {
      await drawCurve(curve, row, trades);
      await drawFalls(falls, row);
    }
  }

  function header(found, row) {
    const params = Object.entries(flat(row.params ?? {})).map(([name, value]) => `${name} ${text("", value)}`);
    const period = row.start_at === null ? [] : [`${day(row.start_at)} to ${day(row.end_at)}`];
    const restore = row.deleted_at !== null && !app.about.read_only
      ? h("p", { class: "actions" }, h("button", { onclick: () => act("restore", [row.run_id], app, load) }, "Restore")) : null;
    return h("header", { class: "wide" },
      h("h1", {}, row.strategy, " ", h("span", { class: "dim" }, [row.symbol, row.timeframe].filter(Boolean).join(" ")),
        row.status === "failed" ? h("span", { class: "failed" }, " failed") : null,
        row.deleted_at !== null ? h("span", { class: "failed" }, ` deleted ${day(row.deleted_at)}`) : null),
      h("p", { class: "dim" }, [...params, ...period, row.run_id].join(" · ")),
      row.tags?.length ? h("p", {}, row.tags.map((tag) => h("a", { class: "tag", href: `/runs?tag=${encodeURIComponent(tag)}` }, tag))) : null,
      restore ?? actions([row.run_id], app, load));
  }

  async function drawCurve(place, row, tradesPlace) {
    const [drawn, log] = await Promise.all([
      ask("curve", { runs: row.run_id }, { key: "run-curve" }).catch(() => null),
      row.total_trades === 0 ? null : ask(`trades/${encodeURIComponent(row.run_id)}`, {}, { key: "run-trades" }).catch(() => null)]);
    const trades = log ? rowsOf(log) : [];
    const curve = drawn?.curves[0];
    if (curve) charts(place, curve, trades);
    else fill(place, h("p", { class: "dim" }, withoutCurve(row)));
    if (trades.length) drawTrades(tradesPlace, trades, log.columns);
  }

  function charts(place, curve, trades) {
    const span = new Span();
    const first = curve.benchmark?.find((value) => value !== null);
    const linesOf = ({ ts, equity, benchmark }) => [{ ts, values: equity, colour: "--line-1", name: "equity" },
      ...(benchmark ? [{ ts, values: benchmark.map((value) => (value === null ? null : (value / first) * curve.base)), colour: "--line-2", name: "benchmark" }] : [])];
    const fallsOf = ({ ts, drawdown }) => [{ ts, values: drawdown, colour: "--bad", area: true, name: "" }];
    const few = trades.length <= MARKS_UP_TO;
    const marks = few ? trades.flatMap((trade) => [
      { at: trade.entry_at, up: true, colour: "--good" },
      ...(trade.exit_at === null ? [] : [{ at: trade.exit_at, up: false, colour: "--bad" }])]) : [];
    const equity = lineChart(linesOf(curve), { height: 260, write: money, span, marks, label: "Equity" });
    equity.chart.log = state.log;
    const down = lineChart(fallsOf(curve), { height: 110, write: whole, span, label: "Drawdown" });
    const toggle = h("label", {}, h("input", { type: "checkbox", checked: state.log, onchange: (event) => {
      state.log = equity.chart.log = event.target.checked;
      equity.chart.draw();
    } }), " log scale");
    fill(place, h("h2", {}, "Equity", h("span", { class: "options" }, toggle,
      h("span", { class: "dim for-wide" }, `${many(curve.points, "point")}${marks.length ? ", trades marked" : ""} · drag to zoom, double-click for all`))),
      equity, h("h2", {}, "Drawdown"), down);
    state.repaint = () => span.draw();
    const draw = (part) => { equity.chart.series = linesOf(part); down.chart.series = fallsOf(part); span.draw(); };
    if (curve.points > curve.ts.length) span.zoomed = async (from, to) => {
      // Few points stood for many: those of the stretch that is shown now come after.
      if (from === null) { drop("run-zoom"); draw(curve); return; }
      const found = await ask("curve", { runs: curve.run_id, from, to }, { key: "run-zoom" }).catch(() => null);
      if (found?.curves.length && span.from === from && span.to === to) draw(found.curves[0]);
    };
  }

  async function drawFalls(place, row) {
    const name = encodeURIComponent(row.run_id);
    const [deep, rolling, returns] = await Promise.all(["drawdowns", "rolling", "returns"].map((what) =>
      ask(`${what}/${name}`, {}, { key: what }).catch(() => null)));
    const rows = deep ? rowsOf(deep) : [];
    const smooth = rolling?.ts.length > 1 && rolling.sharpe_ratio.some((value) => value !== null);
    const span = new Span();
    const line = (values, colour) => [{ ts: rolling.ts, values, colour, name: "" }];
    fill(place,
      smooth ? [h("h2", {}, "Rolling sharpe"), lineChart(line(rolling.sharpe_ratio, "--line-1"), { height: 120, write: ratio, span, label: "Rolling sharpe" }),
        h("h2", {}, "Rolling volatility"), lineChart(line(rolling.volatility, "--line-2"), { height: 110, write: (value) => percent(value, { signed: false }), span, label: "Rolling volatility" })] : null,
      returns?.counts.length ? [h("h2", {}, "Returns"), distribution(returns)] : null,
      rows.length ? [h("h2", {}, "Deepest drawdowns"), h("div", { class: "scroll" }, h("table", { class: "small beside" },
        h("thead", {}, h("tr", {}, ["depth", "from", "lowest", "back", "days", "days down"].map((name) => h("th", { scope: "col", class: "right" }, name)))),
        h("tbody", {}, rows.map((fall) => h("tr", {}, [percent(fall.depth), fall.peak_at === null ? "the start" : time(fall.peak_at), time(fall.trough_at), fall.recovered_at === null ? "not yet" : time(fall.recovered_at), text("", fall.days), text("", fall.days_down)].map((value) => h("td", { class: "right" }, value)))))))] : null);
    const before = state.repaint;
    state.repaint = () => { before?.(); span.draw(); };
  }

  function drawTrades(place, rows, names) {
    const about = tradeColumns();
    const used = names.filter((name) => !["run_id", "extra"].includes(name) && rows.some((row) => row[name] !== null));
    const columns = used.map((name) => {
      const number = ["double", "int64"].includes(about[name].kind);
      const same = { ...about[name], signed: true, fine: true };
      return { name, title: about[name].title, right: number || about[name].kind === "timestamp", sorts: true,
               text: (row) => text(name, row[name], same),
               look: (row) => (name === "pnl" || name === "return" ? (row[name] > 0 ? "gain" : row[name] < 0 ? "loss" : "") : "") };
    });
    let sorted = { name: "trade_no", ascending: true };
    const table = new Table({ label: "Trades", sort: (name) => {
      sorted = { name, ascending: sorted.name === name ? !sorted.ascending : true };
      show();
    } });
    const show = () => {
      const sign = sorted.ascending ? 1 : -1, of = (row) => row[sorted.name];
      const list = [...rows].sort((a, b) =>
        of(a) === null ? 1 : of(b) === null ? -1 : sign * (of(a) < of(b) ? -1 : of(a) > of(b) ? 1 : a.trade_no - b.trade_no));
      table.show(list, columns, { keyOf: (row) => row.trade_no, sorted });
    };
    table.element.style.setProperty("height", `${Math.min(420, 44 + rows.length * 28)}px`);
    fill(place, h("h2", {}, "Trades ", h("span", { class: "dim" }, many(rows.length, "trade"))), table.element);
    show();
  }

  async function unknown(error) {
    const near = await ask("near", { run: id }, { key: "near" }).catch(() => null);
    const rows = near ? rowsOf(near) : [];
    document.title = `Not found · ${app.about.lake}`;
    fill(root, h("div", { class: "empty", role: "alert" },
      h("h1", {}, error.status === 404 ? "No such run" : "This did not work"),
      h("p", { class: "error" }, error.message),
      rows.length ? [h("p", {}, "Its name is most like:"), h("ul", {}, rows.map((row) => h("li", {},
        h("a", { href: `/run/${encodeURIComponent(row.run_id)}` }, row.run_id), ` ${row.strategy} ${row.symbol ?? ""} `, h("span", { class: "dim" }, time(row.created_at)))))] : null,
      h("p", {}, h("a", { href: "/runs" }, "All runs"))));
  }

  load();
  return { repaint: () => state.repaint?.(), keys: { Escape: () => history.back() } };
}

/** How its returns are spread, with those that nothing was held for left out. */
function distribution({ returns, still, counts, low, high, lowest, highest, mean, quantile_05, gains }) {
  const fine = (value) => percent(value, { digits: 2 });
  const parts = [`${many(returns, "return")} from ${fine(lowest)} to ${fine(highest)}`, `${percent(gains, { signed: false, digits: 0 })} gains`];
  if (still) parts.push(`${count(still)} of 0 not drawn`);
  return spread({ counts, low, high, below: 0, write: fine, height: 130, marks: [[mean, "best", "mean"], [quantile_05, "luck", "worst of twenty"]],
    caption: parts.join(" · "), label: `Returns: mean ${fine(mean)}, one of twenty below ${fine(quantile_05)}` });
}

/** What the run is worth beside the luck of its family. */
function luck(standing) {
  if (!standing) return null;
  if (standing.trials === null) return standing.part === "trial" ? null : h("p", { class: "luck wide" }, standing.text);
  const sharpe = standing.expected_max_sharpe === null ? null
    : `the luckiest of as many coin flips would show a sharpe of ${ratio(standing.expected_max_sharpe)}`;
  const chance = standing.dsr === null ? null : `its deflated sharpe (dsr) is ${ratio(standing.dsr)}`;
  return h("p", { class: "luck wide" }, `One of ${many(standing.trials, "trial")} of ${standing.text.split(":")[0]}`,
    sharpe ? `; ${sharpe}` : "", chance ? `; ${chance}.` : ".");
}

function metrics({ run, metrics: values, disagreements }) {
  const claimed = new Map(disagreements.map(([name, reported]) => [name, reported]));
  const names = [...columns().filter((each) => ["money", "curve", "trade", "benchmark"].includes(each.group)).map((each) => each.name), ...Object.keys(run.extra ?? {})];
  const had = names.filter((name) => values[name] !== undefined);
  if (!had.length) return h("p", { class: "dim" }, "It has none.");
  return h("table", { class: "small" },
    claimed.size ? h("thead", {}, h("tr", {}, h("th", {}), h("th", { class: "right", scope: "col" }, "computed"), h("th", { class: "right", scope: "col" }, "its source says"))) : null,
    h("tbody", {}, had.map((name) => h("tr", { title: column(name)?.meaning ?? "a metric of your own" },
      h("th", { scope: "row" }, title(name)), h("td", { class: "right" }, text(name, values[name])),
      claimed.size ? h("td", { class: "right differs" }, claimed.has(name) ? text(name, claimed.get(name)) : "") : null))));
}

function facts(heading, pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && !(typeof value === "object" && !Object.keys(value).length));
  if (!known.length) return null;
  return [h("h2", {}, heading), h("table", { class: "small facts" }, h("tbody", {}, known.map(([name, value, of]) =>
    h("tr", {}, h("th", { scope: "row" }, name || MISSING), h("td", {}, of === "reproduced_from"
      ? h("a", { href: `/run/${encodeURIComponent(value)}` }, shortId(value)) : text(of ?? "", value))))))];
}

function history(events) {
  if (!events.length) return null;
  return [h("h2", {}, "History"), h("table", { class: "small facts" }, h("tbody", {}, events.map((event) =>
    h("tr", {}, h("th", { scope: "row" }, time(Math.floor(event.at / 60000) * 60000)), h("td", {}, event.kind, event.value ? ` ${event.value}` : "")))))];
}
