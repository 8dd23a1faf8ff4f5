// The runs: facets, a filter in SQL, how the sorted metric is spread, a table, and a panel beside.

import { Refused, ask, drop, rowsOf } from "./api.js";
import { chosenColumns, columnsOf, pickColumns } from "./columns.js";
import { fill, h, say, svg } from "./dom.js";
import { column, compact, count, isNumber, many, spelt, text, title, took } from "./format.js";
import { MOST_BESIDE, act, panel } from "./panel.js";
import { Table } from "./table.js";

const PAGE = 200, MOST = 2000, BREATH_MS = 1000, MOST_FACETS = 30;
const FILTERS = ["tag", "where", "since", "until", "min_trades", "min_days", "p"];
const soon = (act) => setTimeout(() => requestAnimationFrame(() => setTimeout(act)));
const EMPTY = ["bt-lake demo", "bt-lake ingest results/", "bt-lake run your_file.py:function"];

export function runsView(root, app) {
  const labels = app.about.facets;
  let rows = [], columns = [], matched = null, total = null, whole = false, loading = false, ms = 0, timer = null, waits = false, leftOut = 0;
  let shown = address();
  const looked = {};  // what is typed to find values of a label

  const filter = h("input", {
    type: "text", id: "filter", spellcheck: "false", autocomplete: "off", "aria-label": "Filter in SQL", "aria-describedby": "filter-error",
    placeholder: "Filter in SQL, such as  max_drawdown > -0.2 and total_trades > 30",
    onkeydown: (event) => { if (event.key === "Enter") change({ where: filter.value.trim() }); },
    onchange: () => { if (filter.value.trim() !== (shown.get("where") ?? "")) change({ where: filter.value.trim() }); },
  });
  const wrong = h("p", { id: "filter-error", class: "error", role: "alert", hidden: true });
  const facets = h("aside", { class: "facets", "aria-label": "Filters" });
  const spread = h("div", { class: "spread" });
  const side = h("aside", { class: "side", "aria-label": "Chosen runs", hidden: true });
  const foot = h("footer", { class: "foot" });
  const chips = h("div", { class: "chips" });
  const table = new Table({
    label: "Runs",
    select: () => { keep(); beside(); },
    pick: (row) => { if (!table.selected.size) { keep(row.run_id); beside(row.run_id); } },
    open: (row) => app.go(`/run/${encodeURIComponent(row.run_id)}`),
    sort: (name) => change(order(name)),
    more,
  });
  const bar = h("div", { class: "bar" },
    h("button", { class: "for-narrow", "aria-expanded": "false", onclick: (event) => {
      const open = facets.classList.toggle("open");
      event.target.setAttribute("aria-expanded", String(open));
    } }, "Facets"),
    filter,
    h("button", { onclick: () => pickColumns(columns, change) }, "Columns"),
    h("a", { class: "button", download: true, id: "export" }, "CSV"));
  root.className = "page runs";
  fill(root, facets, h("section", { class: "middle" }, bar, wrong, chips, spread, table.element, foot), side);

  function address() { return new URLSearchParams(location.search); }

  /** The address with some of it changed; a list stands for several of a name. */
  function change(given, { replace = false } = {}) {
    const next = address();
    for (const [name, value] of Object.entries(given)) {
      next.delete(name);
      for (const each of [value].flat()) if (each) next.append(name, each);
    }
    const query = next.toString();
    app.go(`/runs${query ? "?" + query : ""}`, { replace });
  }

  const order = (name) => {
    const here = (shown.get("sort") ?? "created_at") === name;
    const usual = column(name)?.better === "lower" || column(name)?.kind === "string" ? "asc" : "desc";
    const now = shown.get("order") ?? "desc";
    return { sort: name, order: here ? (now === "asc" ? "desc" : "asc") : usual };
  };

  function filters() {
    const found = new URLSearchParams();
    for (const name of [...labels, ...FILTERS])
      if (!found.has(name)) for (const value of shown.getAll(name)) found.append(name, value);
    return found;
  }

  function question(more = {}) {
    const asked = filters();
    for (const name of ["sort", "order"]) if (shown.get(name)) asked.set(name, shown.get(name));
    if (chosenColumns(shown)) asked.set("columns", chosenColumns(shown));
    for (const [name, value] of Object.entries(more)) asked.set(name, value);
    return asked;
  }

  const metric = () => {
    const sort = shown.get("sort");
    return sort && sort !== "created_at" && (isNumber(sort) || !column(sort)) ? sort : "sharpe_ratio";
  };

  async function load({ keepPlace = false } = {}) {
    const n = keepPlace ? Math.min(MOST, Math.max(PAGE, rows.length)) : PAGE;
    drop(...(keepPlace ? [] : ["count", "facets", "histogram"]), "more");
    let answer;
    try {
      answer = await ask("runs", question({ n }), { key: "rows" });
    } catch (error) {
      refused(error);
      return;
    }
    if (!answer) return;
    wrong.hidden = true;
    filter.removeAttribute("aria-invalid");
    rows = rowsOf(answer);
    ms = answer.ms;
    whole = rows.length < n;
    columns = columnsOf(rows, shown, root.classList.contains("beside"));
    table.element.scrollTop = keepPlace ? table.element.scrollTop : 0;
    draw();
    tell(answer.note, answer.left_out);
    // The rows are painted first: what stands around them costs a large lake more.
    if (!waits) soon(() => { waits = false; if (root.isConnected) around(); });
    waits = true;
    if (!rows.length && ![...filters()].length) empty();
  }

  function draw() {
    table.show(rows, columns, {
      keyOf: (row) => row.run_id, total: matched,
      sorted: { name: shown.get("sort") ?? "created_at", ascending: shown.get("order") === "asc" },
      current: table.selected.size ? null : shown.get("show"),
    });
    footer();
  }

  async function more() {
    if (whole || loading || !rows.length) return;
    loading = true;
    const asked = question({ n: PAGE, after: rows.at(-1).run_id }), was = shown;
    try {
      const answer = await ask("runs", asked, { key: "more" });
      if (!answer || was !== shown) return;
      const known = new Set(rows.map((row) => row.run_id));
      const fresh = rowsOf(answer).filter((row) => !known.has(row.run_id));
      rows = rows.concat(fresh);
      whole = answer.rows < PAGE;
      draw();
    } finally {
      loading = false;
    }
  }

  /** What stands around the table comes after its rows. */
  async function around() {
    const asked = filters();
    const metricAsked = new URLSearchParams(asked);
    metricAsked.set("metric", metric());
    const orderAsked = new URLSearchParams(asked);
    if (shown.get("sort")) orderAsked.set("sort", shown.get("sort"));
    const [counted, found, steps] = await Promise.allSettled([
      ask("count", orderAsked), ask("facets", asked), ask("histogram", metricAsked)]);
    if (counted.value) { ({ matched, runs: total } = counted.value); tell(counted.value.note); table.element.setAttribute("aria-rowcount", matched); footer(); }
    if (found.value) drawFacets(found.value.facets);
    if (steps.value) drawSpread(steps.value);
    else if (steps.status === "rejected") fill(spread);
  }

  function refused(error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 404 && error.message.startsWith("there is no lake")) { empty(); return; }
    wrong.hidden = false;
    fill(wrong, error.message, error.kind === "Damaged" ? [" ", h("a", { href: "/lake" }, "Look for damage")] : null);
    if (error.status === 400) filter.setAttribute("aria-invalid", "true");
    else filter.removeAttribute("aria-invalid");
  }

  function empty() {
    side.hidden = true;
    fill(facets);
    fill(spread);
    root.classList.add("none");
    fill(table.body, h("div", { class: "empty" },
      h("h1", {}, "No runs yet"),
      h("p", {}, "Any of these puts some in; this page shows them as they come:"),
      EMPTY.map((command) => h("pre", {}, command))));
    table.body.style.removeProperty("height");
  }

  function tell(note, left = leftOut) {
    leftOut = left;
    const said = [leftOut ? "some files may not be read, and their runs are left out: see bt-lake check" : "", note].filter(Boolean);
    foot.dataset.note = said.join(" · ");
    footer();
  }

  function footer() {
    const few = matched !== null && total !== null && matched !== total ? ` of ${many(total, "run")}` : "";
    fill(foot,
      h("span", {}, matched === null ? many(rows.length, "run") : `${count(rows.length)} loaded of ${few ? count(matched) + " that fit," + few : many(matched, "run")}`),
      h("span", { class: "dim" }, foot.dataset.note ?? ""),
      h("span", { class: "dim" }, took(ms)));
  }

  function drawFacets(found) {
    const open = new Set([...facets.querySelectorAll("details[open]")].map((each) => each.dataset.label));
    const first = !facets.children.length, typing = document.activeElement?.closest(".facets input[type=search]")?.name;
    fill(facets, labels.map((label, place) => {
      const values = found[label].filter(([value]) => value !== null), chosen = shown.getAll(label);
      for (const value of chosen) if (!values.some(([each]) => each === value)) values.push([value, 0]);
      if (values.length < 2 && !chosen.length) return null;
      const show = chosen.length || (first ? place < 3 || label === "status" : open.has(label));
      const list = h("div", {}, values.map((each) => facet(label, each)));
      const more = found[label].length < MOST_FACETS ? null
        : h("input", { type: "search", name: label, value: looked[label] ?? "", placeholder: "find others", "aria-label": `Find a ${title(label)}`,
                       oninput: (event) => { looked[label] = event.target.value; look(label, list, values); } });
      if (more && looked[label]) look(label, list, values);
      return h("details", { open: show, "data-label": label },
        h("summary", {}, title(label), chosen.length ? h("b", {}, ` ${chosen.length}`) : ""), more, list);
    }));
    if (typing) facets.querySelector(`input[name="${typing}"]`)?.focus();
    root.classList.toggle("bare", !facets.children.length);
  }

  const facet = (label, [value, runs]) => {
    const chosen = shown.getAll(label), here = chosen.includes(value);
    return h("label", { class: here ? "chosen" : "" },
      h("input", { type: "checkbox", checked: here, onchange: () => change({
        [label]: here ? chosen.filter((each) => each !== value) : [...chosen, value] }) }),
      h("span", { class: "cut", title: value }, value),
      h("span", { class: "number" }, compact(runs)));
  };

  /** Values beyond the commonest ones, by a part of them. */
  async function look(label, list, usual) {
    const like = looked[label].trim(), asked = filters();
    if (!like) { drop("facet"); fill(list, usual.map((each) => facet(label, each))); return; }
    asked.set("label", label);
    asked.set("like", like);
    const found = await ask("facets", asked, { key: "facet" });
    if (found) fill(list, found.facets[label].length ? found.facets[label].map((each) => facet(label, each)) : h("p", { class: "dim none" }, "none is called so"));
  }

  function drawChips() {
    const given = [...filters()].filter(([name]) => name !== "where");
    fill(chips, given.map(([name, value]) =>
      h("button", { class: "chip", title: "take this filter away",
        onclick: () => change({ [name]: shown.getAll(name).filter((each) => each !== value) }) },
        `${name === "p" ? "" : title(name) + " "}${value} ×`)));
  }

  /** The histogram of the sorted metric; a stretch that is dragged goes into the filter. */
  function drawSpread({ metric: name, counts, low, high, lowest, highest, runs }) {
    if (low === null || runs < 2) { fill(spread); return; }
    const most = Math.max(...counts);
    const bars = svg("svg", { viewBox: `0 0 ${counts.length} 40`, preserveAspectRatio: "none", "aria-hidden": "true" },
      counts.map((each, place) => svg("rect", { x: place + 0.04, width: 0.92, y: 40 - (each / most) * 40, height: (each / most) * 40 })));
    const shade = h("div", { class: "brush", hidden: true });
    const box = h("div", { class: "bars" }, bars, shade);
    let from = null;
    const share = (event) => {
      const edge = box.getBoundingClientRect();
      return Math.min(1, Math.max(0, (event.clientX - edge.left) / edge.width));
    };
    box.onpointerdown = (event) => { from = share(event); box.setPointerCapture(event.pointerId); };
    box.onpointermove = (event) => {
      if (from === null) return;
      const to = share(event);
      shade.hidden = false;
      shade.style.setProperty("left", `${Math.min(from, to) * 100}%`);
      shade.style.setProperty("width", `${Math.abs(to - from) * 100}%`);
    };
    box.onpointerup = (event) => {
      const [left, right] = [from, share(event)].sort((a, b) => a - b);
      from = null;
      shade.hidden = true;
      if (right - left < 0.01) return;
      const at = (part) => low + part * (high - low);
      const parts = [];
      if (left > 0.005) parts.push(`${spelt(name)} >= ${Number(at(left).toPrecision(4))}`);
      if (right < 0.995) parts.push(`${spelt(name)} <= ${Number(at(right).toPrecision(4))}`);
      const own = filter.value.trim();
      if (parts.length) change({ where: [own && `(${own})`, ...parts].filter(Boolean).join(" and ") });
    };
    fill(spread, box, h("div", { class: "scale" },
      h("span", {}, text(name, lowest)), h("span", {}, `${title(name)} of ${many(runs, "run")} · drag to keep a range`), h("span", {}, text(name, highest))));
  }

  const chosen = () => (table.selected.size ? [...table.selected] : (shown.get("show") ?? "").split(",").filter(Boolean));

  /** What is chosen stands in the address, without a step in its history. */
  function keep(one = null) {
    const next = address(), ids = one ? [one] : [...table.selected];
    if (ids.length) next.set("show", ids.slice(0, MOST_BESIDE).join(","));
    else next.delete("show");
    history.replaceState(null, "", `/runs?${next}`);
    shown = next;
  }

  function beside() {
    const ids = chosen(), was = root.classList.contains("beside");
    side.hidden = !ids.length;
    if (root.classList.toggle("beside", ids.length > 0) !== was && rows.length) {
      columns = columnsOf(rows, shown, !was);
      draw();
    }
    if (ids.length > MOST_BESIDE) say(`the panel shows the first ${MOST_BESIDE} of ${ids.length}`);
    if (ids.length) panel(side, app, ids.slice(0, MOST_BESIDE), { all: ids, done, away });
  }

  function away() {
    table.selected.clear();
    table.current = -1;
    keep();
    beside();
    table.draw(true);
  }
  const done = () => load({ keepPlace: true });

  function moved() {
    shown = address();
    begin();
    return true;
  }

  function begin() {
    root.classList.remove("none");
    filter.value = shown.get("where") ?? "";
    const ids = (shown.get("show") ?? "").split(",").filter(Boolean);
    table.selected = new Set(ids.length > 1 ? ids : []);
    root.querySelector("#export").href = `/api/export/csv?${filters()}`;
    drawChips();
    beside();
    load();
  }

  begin();
  return {
    moved,
    changed: () => { timer ??= setTimeout(() => { timer = null; load({ keepPlace: true }); }, BREATH_MS / 4); },
    repaint: beside,
    close: () => clearTimeout(timer),
    keys: {
      "/": () => { filter.focus(); filter.select(); },
      j: () => table.to(table.current + 1),
      k: () => table.to(table.current - 1),
      x: () => table.current >= 0 && table.toggle(table.rows[table.current]),
      c: () => act("compare", chosen(), app, done),
      Enter: () => table.current >= 0 && table.open(table.rows[table.current]),
      Escape: away,
    },
  };
}
