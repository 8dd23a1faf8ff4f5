// A metric over one or two parameters of a strategy: a heatmap, or bars; a cell opens its runs.

import { Refused, ask } from "./api.js";
import { choice, fill, h } from "./dom.js";
import { column, columns, count, isNumber, many, percent, spelt, text, title } from "./format.js";
import { parallel } from "./parallel.js";

const HOW = ["mean", "median", "min", "max", "std", "count"];
const MOST_CELLS = 40_000, BREATH_MS = 1500;
// Viridis at eleven places: as bright as the value is high, for any eyes.
const SHADES = ["#440154", "#482475", "#414487", "#355f8d", "#2a788e", "#21918c", "#22a884", "#44bf70", "#7ad151", "#bddf26", "#fde725"];

export function sweepView(root, app, strategy) {
  root.className = "page wide-page";
  const shown = new URLSearchParams(location.search);
  return strategy ? grid(root, app, strategy, shown) : list(root);
}

function list(root) {
  ask("strategies", {}, { key: "strategies" }).then((found) => {
    if (!found) return;
    fill(root, h("h1", {}, "Sweeps"),
      found.strategies.length ? h("p", { class: "dim" }, "A metric over the parameters of a strategy:") : h("p", {}, "There are no runs yet."),
      h("ul", { class: "plain" }, found.strategies.map(([name, runs]) => h("li", {},
        h("a", { href: `/sweep/${encodeURIComponent(name)}` }, name), " ", h("span", { class: "dim" }, many(runs, "run"))))));
  }, (error) => fill(root, h("h1", {}, "Sweeps"), h("p", { class: "dim" }, error.message)));
  return {};
}

function grid(root, app, strategy, shown) {
  let axes = [], own = [], values = {}, lines = null;
  const go = (changes) => {
    const next = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(changes)) value ? next.set(name, value) : next.delete(name);
    app.go(`/sweep/${encodeURIComponent(strategy)}?${next}`);
  };
  const short = (name) => name.replace(/^param\./, "");

  async function load() {
    try {
      const found = await ask(`axes/${encodeURIComponent(strategy)}`, {}, { key: "axes" });
      if (!found) return;
      axes = found.axes.map(([name]) => name);
      values = Object.fromEntries(found.axes.map(([name, , each]) => [name, each]));
      own = (await ask("names", { strategy }, { key: "names" }))?.own ?? [];
      const params = axes.filter((name) => name.startsWith("param."));
      const [x, y] = [shown.get("x") ?? params[0] ?? axes[0], shown.has("x") ? shown.get("y") ?? "" : params[1] ?? ""];
      if (!x) {
        fill(root, h("h1", {}, strategy), h("p", { class: "dim" }, found.runs ? "Nothing varies among its runs: there is no sweep to draw." : "There is no run of this strategy."),
          h("p", {}, found.runs ? h("a", { href: `/runs?strategy=${encodeURIComponent(strategy)}` }, "Its runs") : h("a", { href: "/sweep" }, "All strategies")));
        return;
      }
      const metric = shown.get("metric") ?? "sharpe_ratio", how = shown.get("how") ?? "mean";
      const asked = new URLSearchParams(shown);
      asked.set("x", x); asked.set("metric", metric); asked.set("how", how);
      if (y) asked.set("y", y); else asked.delete("y");
      const made = await ask(`sweep/${encodeURIComponent(strategy)}`, asked, { key: "sweep" });
      if (made) draw(made, { x: made.x, y: made.y ?? "", metric, how });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      fill(root, h("h1", {}, strategy), controls({}), h("p", { class: "error", role: "alert" }, error.message),
        h("p", {}, h("a", { href: `/sweep/${encodeURIComponent(strategy)}` }, "Start again")));
    }
  }

  function controls({ x = "", y = "", metric = "sharpe_ratio", how = "mean" }) {
    const names = axes.map((name) => [name, short(name)]);
    const metrics = [...columns().filter((each) => ["curve", "trade", "money", "benchmark"].includes(each.group) && isNumber(each.name)).map((each) => each.name), ...own];
    return h("div", { class: "controls" },
      choice("x", names, x, (value) => go({ x: value, y: y === value ? "" : y })),
      choice("y", [["", "none"], ...names.filter(([name]) => name !== x)], y, (value) => go({ x, y: value })),
      choice("metric", metrics.map((name) => [name, title(name)]), metric, (value) => go({ metric: value, x, y })),
      choice("of several", HOW.map((each) => [each, each]), how, (value) => go({ how: value, x, y })));
  }

  /** One value of what is aggregated over, for all cells. */
  const fix = (name) => choice(`${short(name)}:`, [["", "all"], ...[...values[name]].sort(byValue).map((value) => [value, value.replace(/^"(.*)"$/, "$1")])], "",
    (value) => {
      const next = new URLSearchParams(location.search);
      if (name.startsWith("param.")) next.append("p", `${short(name)}=${value}`);
      else next.append(name, value);
      app.go(`/sweep/${encodeURIComponent(strategy)}?${next}`);
    });
  const byValue = (a, b) => (Number(a) - Number(b)) || (a < b ? -1 : 1);

  /** The address of the runs in a cell. */
  const runsOf = (pairs) => {
    const query = new URLSearchParams({ strategy });
    for (const [name, value] of [...shown]) if (!["x", "y", "metric", "how", "strategy"].includes(name)) query.append(name, value);
    for (const [name, value] of pairs)
      if (name.startsWith("param.")) query.append("p", `${short(name)}=${typeof value === "string" ? JSON.stringify(value) : value}`);
      else query.append(name, value);
    query.set("sort", shown.get("metric") ?? "sharpe_ratio");
    return `/runs?${query}`;
  };

  function draw(made, at) {
    const fixed = [...shown].filter(([name]) => !["x", "y", "metric", "how"].includes(name));
    const known = (made.data.at(-2) ?? []).filter((value) => value !== null);
    const say = (value) => (at.how === "count" ? count(value) : text(at.metric, value));
    const place = made.plateau, weight = h("section", {}), every = h("section", {});
    drawImportance(weight, at);
    drawLines(every, at);
    fill(root,
      h("h1", {}, strategy, " ", h("span", { class: "dim" }, many(made.runs, "run"))),
      controls(at),
      fixed.length ? h("p", {}, "Only ", fixed.map(([name, value]) => h("span", { class: "tag" }, `${name === "p" ? "" : name + " "}${value}`)), " ", h("a", { href: `/sweep/${encodeURIComponent(strategy)}?${new URLSearchParams({ x: at.x, ...(at.y && { y: at.y }), metric: at.metric, how: at.how })}` }, "all")) : null,
      made.mixed.length ? h("div", { class: "luck" }, `Each cell is the ${at.how} over ${made.mixed.map(short).join(", ")}. `,
        made.mixed.filter((name) => values[name]).map((name) => fix(name))) : null,
      made.note ? h("p", { class: "dim" }, made.note) : null,
      !known.length ? h("p", { class: "dim" }, "No run here has both.")
        : at.y ? heatmap(made, known, say) : bars(made, known, say),
      place ? h("p", {}, `Best plateau: ${short(made.x)} ${place.x[0]} to ${place.x[1]}, ${short(made.y)} ${place.y[0]} to ${place.y[1]}, with a median of ${say(place.median)}: better founded than the best single cell. It is framed.`) : null,
      every, weight,
      h("p", {}, h("a", { href: `/overfit?strategy=${encodeURIComponent(strategy)}` }, "What is the best of these worth?"), " · ",
        h("a", { href: `/runs?strategy=${encodeURIComponent(strategy)}` }, "All its runs")));
  }

  /** All parameters at once, a line for each run. */
  async function drawLines(place, at) {
    const asked = new URLSearchParams(shown);
    for (const name of ["x", "y", "how"]) asked.delete(name);
    asked.set("metric", at.metric);
    const found = await ask(`parallel/${encodeURIComponent(strategy)}`, asked, { key: "parallel" }).catch((error) => error);
    if (!found) return;
    lines = found instanceof Error ? h("p", { class: "dim" }, found.message)
      : parallel(found, { shades: SHADES, open: (id) => app.go(`/run/${encodeURIComponent(id)}`), address: (conditions) => runsWithin(conditions, at) });
    fill(place, h("h2", {}, "Every run"), lines);
  }

  /** The address of the runs that ranges of axes leave. */
  function runsWithin(conditions, at) {
    const query = new URLSearchParams(shown), where = [query.get("where") ?? ""].filter(Boolean).map((own) => `(${own})`);
    for (const name of ["x", "y", "metric", "how", "where"]) query.delete(name);
    query.set("strategy", strategy);
    for (const [name, from, to] of conditions) {
      if (Array.isArray(from) && !name.startsWith("param.")) for (const value of from) query.append(name, JSON.parse(value));
      else if (!name.startsWith("param.")) where.push(`${spelt(name)} >= ${from}`, `${spelt(name)} <= ${to}`);
      else if (Array.isArray(from)) for (const value of from) query.append("p", `${short(name)}=${value}`);
      else { query.append("p", `${short(name)}>=${from}`); query.append("p", `${short(name)}<=${to}`); }
    }
    if (where.length) query.set("where", where.join(" and "));
    query.set("sort", at.metric);
    return `/runs?${query}`;
  }

  /** Which parameters matter. */
  async function drawImportance(place, at) {
    const asked = new URLSearchParams(shown);
    for (const name of ["x", "y", "how"]) asked.delete(name);
    asked.set("metric", at.metric);
    const found = await ask(`importance/${encodeURIComponent(strategy)}`, asked, { key: "importance" }).catch((error) => error);
    if (!found) return;
    const heading = h("h2", {}, "What matters");
    if (found instanceof Error) { fill(place, heading, h("p", { class: "dim" }, found.message)); return; }
    fill(place, heading, h("p", { class: "dim" }, found.words),
      h("table", { class: "small bar-table" }, h("tbody", {}, found.shares.map(([name, share]) => h("tr", {},
        h("th", { scope: "row" }, name), h("td", { class: "right" }, percent(share, { signed: false })),
        h("td", { class: "rods" }, h("span", { class: "rod", style: { width: `${Math.max(0, share) * 100}%` } })))))));
  }

  function heatmap(made, known, say) {
    const { xs, ys } = made;
    if (xs.length * ys.length > MOST_CELLS) return h("p", { class: "dim" }, `${count(xs.length)} by ${count(ys.length)} cells are too many to draw: filter, or take other parameters.`);
    const cells = new Map(made.data[0].map((x, place) => [JSON.stringify([x, made.data[1][place]]), place]));
    const sorted = [...known].sort((a, b) => a - b);
    const [low, high] = [sorted[Math.floor(sorted.length * 0.01)], sorted[Math.ceil(sorted.length * 0.99) - 1]];
    const worse = column(made.metric)?.better === "lower";
    const share = (value) => { const part = high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0.5; return worse ? 1 - part : part; };
    const { plateau } = made;
    const within = (x, y) => plateau && x >= plateau.x[0] && x <= plateau.x[1] && y >= plateau.y[0] && y <= plateau.y[1];
    const small = xs.length > 14;
    return [
      h("p", { class: "legend" }, h("span", {}, say(worse ? high : low)), h("span", { class: "ramp", style: { background: `linear-gradient(to right, ${SHADES.join(", ")})` } }), h("span", {}, say(worse ? low : high)),
        h("span", { class: "dim" }, `${title(made.metric)}, 1st to 99th percentile`)),
      h("div", { class: "scroll" }, h("table", { class: `heat${small ? " tight" : ""}` },
        h("caption", {}, `${short(made.y)} upwards, ${short(made.x)} to the right`),
        h("tbody", {}, [...ys].reverse().map((y) => h("tr", {}, h("th", { scope: "row" }, text("", y)),
          xs.map((x) => {
            const place = cells.get(JSON.stringify([x, y])), value = place === undefined ? null : made.data[2][place];
            if (value === null) return h("td", { class: "none" });
            const shade = Math.round(share(value) * (SHADES.length - 1));
            return h("td", { class: within(x, y) ? "plateau" : null, style: { background: SHADES[shade], color: shade > 4 ? "#000" : "#fff" } },
              h("a", { href: runsOf([[made.x, x], [made.y, y]]), title: `${short(made.x)} ${x}, ${short(made.y)} ${y}: ${say(value)}, ${many(made.data[3][place], "run")}` }, small ? "\u00a0" : say(value)));
          })))),
        h("tfoot", {}, h("tr", {}, h("th", {}), xs.map((x) => h("th", { scope: "col" }, text("", x))))))),
    ];
  }

  function bars(made, known, say) {
    const low = Math.min(0, ...known), high = Math.max(0, ...known), room = high - low || 1;
    return h("table", { class: "small bar-table" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, short(made.x)), h("th", { scope: "col", class: "right" }, title(made.metric)), h("th", { scope: "col", class: "right" }, "runs"), h("th", {}))),
      h("tbody", {}, made.data[0].map((x, place) => {
        const value = made.data[1][place];
        const bar = value === null ? null : h("span", { class: `rod${value < 0 ? " below" : ""}`, style: {
          "margin-left": `${((Math.min(0, value) - low) / room) * 100}%`, width: `${(Math.abs(value) / room) * 100}%` } });
        return h("tr", {}, h("th", { scope: "row" }, h("a", { href: runsOf([[made.x, x]]) }, text("", x))),
          h("td", { class: "right" }, say(value)), h("td", { class: "right dim" }, count(made.data[2][place])), h("td", { class: "rods" }, bar));
      })));
  }

  load();
  let timer = null;
  const later = () => { timer ??= setTimeout(() => { timer = null; if (!document.activeElement?.closest("select")) load(); }, BREATH_MS); };
  return { changed: later, repaint: () => lines?.chart?.draw(), close: () => clearTimeout(timer), keys: { Escape: () => history.back() } };
}
