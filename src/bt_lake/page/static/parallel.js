// Parallel coordinates: an axis for each parameter and one for the metric, a line for each run.

import { h } from "./dom.js";
import { column, count, many, shortId, text, title } from "./format.js";
import { ticks } from "./chart.js";

const HEIGHT = 300, TOP = 30, BOTTOM = 40, SIDE = 64, EACH = 110, NEAR = 8, GRIP = 22, MOST_AXES = 12, NAMED = 12;
const NONE = -0.1;  // where runs lie that have no such parameter: below the axis

/**
 * found: {columns: [run_id, metric, ...parameters], data, rows, total}. `shades` colour the metric,
 * `open(id)` opens a run, `address(conditions)` is that of the runs within, by [name, from, to] and
 * [name, values].
 */
export function parallel(found, { shades, open, address }) {
  const [ids, values, ...given] = found.data;
  const [, metric, ...names] = found.columns;
  const rows = ids.map((_, place) => place).filter((place) => values[place] !== null);
  if (rows.length < 2 || !names.length) return h("p", { class: "dim" }, "Fewer than two runs with this metric, or nothing that varies among them.");
  const axes = names.slice(0, MOST_AXES).map((name, place) => axisOf(name, given[place], rows));
  axes.push(axisOf(metric, values, rows));
  const sorted = [...rows].sort((a, b) => values[a] - values[b]);
  const [low, high] = [values[sorted[Math.floor(sorted.length * 0.01)]], values[sorted[Math.ceil(sorted.length * 0.99) - 1]]];
  const worse = column(metric)?.better === "lower";
  const shade = (place) => {
    const share = high > low ? Math.min(1, Math.max(0, (values[place] - low) / (high - low))) : 0.5;
    return shades[Math.round((worse ? 1 - share : share) * (shades.length - 1))];
  };
  const order = worse ? sorted.reverse() : sorted;  // the best on top

  const canvas = h("canvas", { "aria-hidden": "true" });
  const label = `${many(rows.length, "run")} over ${axes.map((axis) => axis.title).join(", ")}`;
  const box = h("div", { class: "parallel", role: "img", "aria-label": label, style: { "--height": `${HEIGHT}px`, "min-width": `${Math.max(280, axes.length * EACH)}px` } }, canvas);
  const told = h("p", { class: "dim told", role: "status" });
  const chart = { draw };
  let near = null, held = null;

  const x = (place) => SIDE + (place / (axes.length - 1)) * (canvas.clientWidth - 2 * SIDE);
  const y = (share) => TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);
  const share = (at) => Math.min(1, Math.max(0, 1 - (at - TOP) / (HEIGHT - TOP - BOTTOM)));
  const brushed = () => axes.filter((axis) => axis.kept);
  const within = (place) => axes.every(({ kept, shares }) => !kept || (shares[place] >= kept[0] && shares[place] <= kept[1]));

  function draw() {
    const width = canvas.clientWidth, scale = devicePixelRatio || 1;
    if (!width) return;
    canvas.width = width * scale;
    canvas.height = HEIGHT * scale;
    const pen = canvas.getContext("2d"), style = getComputedStyle(canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    pen.scale(scale, scale);
    pen.font = `11px ${style.fontFamily}`;
    const kept = order.filter(within), all = kept.length === order.length;
    if (!all) { pen.globalAlpha = 0.25; for (const place of order) if (!within(place)) line(pen, place, colour("--grid"), 1); }
    pen.globalAlpha = Math.min(1, Math.max(0.18, 260 / kept.length));
    for (const place of kept) line(pen, place, shade(place), 1.2);
    pen.globalAlpha = 1;
    if (near !== null) line(pen, near, colour("--ink"), 2.5);
    axes.forEach((axis, place) => rule(pen, axis, x(place), place, colour));
    tell(kept, all);
  }

  function line(pen, place, colour, width) {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    axes.forEach(({ shares }, at) => pen.lineTo(x(at), y(shares[place])));
    pen.stroke();
  }

  function rule(pen, axis, at, place, colour) {
    pen.strokeStyle = colour("--dim");
    pen.lineWidth = 1;
    pen.beginPath(); pen.moveTo(at, TOP); pen.lineTo(at, HEIGHT - BOTTOM); pen.stroke();
    if (axis.kept) {
      pen.fillStyle = colour("--shade");
      pen.fillRect(at - 8, y(axis.kept[1]), 16, y(axis.kept[0]) - y(axis.kept[1]));
    }
    pen.textBaseline = "middle";
    pen.textAlign = place === axes.length - 1 ? "left" : "right";
    for (const [share, said] of axis.marks) halo(pen, cut(pen, said, SIDE - 10), at + (place === axes.length - 1 ? 6 : -6), y(share), colour, "--dim");
    pen.textAlign = "center";
    halo(pen, cut(pen, axis.title, EACH - 6), at, 12, colour, "--ink");
  }

  function tell(kept, all) {
    if (near !== null) {
      told.replaceChildren(`${shortId(ids[near])} · ${axes.map((axis) => `${axis.title} ${axis.said(near)}`).join(" · ")} · click to open`);
      return;
    }
    const best = kept.at(-1);
    told.replaceChildren(...(all ? ["Drag along an axis to keep a range of it; a click on the axis lets go."]
      : [`${count(kept.length)} of ${many(rows.length, "run")}${kept.length ? `, the best with ${axes.at(-1).title} ${axes.at(-1).said(best)}` : ""}: `,
        h("a", { href: address(brushed().map((axis) => axis.condition())) }, "show them"), " · ",
        h("button", { class: "link", onclick: () => { for (const axis of axes) axis.kept = null; draw(); } }, "all again")]));
  }

  const spot = (event) => {
    const gap = axes.length > 1 ? x(1) - x(0) : 1, place = Math.round((event.offsetX - SIDE) / gap);
    return axes[place] && Math.abs(event.offsetX - x(place)) < GRIP ? axes[place] : null;
  };

  function nearest({ offsetX, offsetY }) {
    const gap = x(1) - x(0), left = Math.min(axes.length - 2, Math.max(0, Math.floor((offsetX - SIDE) / gap)));
    const part = (offsetX - x(left)) / gap;
    let found = null, least = NEAR;
    for (const place of order) {
      const [a, b] = [axes[left].shares[place], axes[left + 1].shares[place]];
      if (!within(place)) continue;
      const away = Math.abs(y(a + part * (b - a)) - offsetY);
      if (away <= least) { least = away; found = place; }
    }
    return part < 0 || part > 1 ? null : found;
  }

  // A finger on an axis keeps a range; anywhere else it scrolls the page.
  canvas.addEventListener("touchstart", (event) => {
    const edge = canvas.getBoundingClientRect();
    if (spot({ offsetX: event.touches[0].clientX - edge.left })) event.preventDefault();
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    const axis = spot(event);
    if (!axis) return;
    held = { axis, from: share(event.offsetY) };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const was = near;
    if (held) {
      const to = share(event.offsetY);
      held.axis.kept = [Math.min(held.from, to), Math.max(held.from, to)];
      near = null;
    } else {
      const axis = spot(event);
      near = axis ? null : nearest(event);
      canvas.style.setProperty("cursor", axis ? "ns-resize" : near === null ? "default" : "pointer");
    }
    if (held || near !== was) draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!held) return;
    if (Math.abs(share(event.offsetY) - held.from) < 0.02) held.axis.kept = null;
    held = null;
    draw();
  });
  canvas.addEventListener("pointerleave", () => { if (near !== null) { near = null; draw(); } });
  canvas.addEventListener("click", (event) => { if (!spot(event) && near !== null) open(ids[near]); });
  new ResizeObserver(draw).observe(box);

  const said = [found.total > found.rows ? `the newest ${count(found.rows)} of ${many(found.total, "run")}` : many(rows.length, "run")];
  if (found.rows > rows.length) said.push(`${count(found.rows - rows.length)} without ${title(metric)} left out`);
  if (names.length > MOST_AXES) said.push(`the first ${MOST_AXES} of ${names.length} parameters`);
  const element = h("section", {}, h("p", { class: "dim" }, `A line for each run, coloured by ${title(metric)}: ${said.join(", ")}.`),
    h("div", { class: "scroll" }, box), told);
  element.chart = chart;
  return element;
}

/** Where each run lies on an axis, from 0 to 1: by its number, or by its place among the texts. */
function axisOf(name, list, rows) {
  const known = rows.map((row) => list[row]).filter((value) => value !== null);
  const some = known.length < rows.length ? [[NONE, "none"]] : [];
  const about = column(name), axis = { name, title: title(name), kept: null, said: (row) => text(name, list[row]) };
  if (known.every((value) => typeof value === "number")) {
    const low = known.reduce((a, b) => Math.min(a, b)), high = known.reduce((a, b) => Math.max(a, b));
    const at = (value) => (high > low ? (value - low) / (high - low) : 0.5);
    const back = (share) => low + share * (high - low);
    const whole = !about && known.every(Number.isInteger);
    axis.shares = list.map((value) => (value === null ? NONE : at(value)));
    axis.marks = ticks(low, high, 5).filter((value) => !whole || Number.isInteger(value)).map((value) => [at(value), text(name, value)]).concat(some);
    if (!axis.marks.length) axis.marks = [[at(low), text(name, low)]];
    axis.condition = () => {
      // Of the runs within, so that what is shown is what was kept, however it is written.
      const kept = known.filter((value) => at(value) >= axis.kept[0] && at(value) <= axis.kept[1]);
      return kept.length ? [name, Math.min(...kept), Math.max(...kept)] : [name, back(axis.kept[0]), back(axis.kept[1])];
    };
    return axis;
  }
  const places = new Map([...new Set(known.map((value) => JSON.stringify(value)))].sort().map((value, place, all) =>
    [value, all.length > 1 ? place / (all.length - 1) : 0.5]));
  const step = Math.max(1, Math.ceil(places.size / NAMED));
  axis.shares = list.map((value) => (value === null ? NONE : places.get(JSON.stringify(value))));
  axis.marks = [...places].filter((_, place) => place % step === 0).map(([value, share]) => [share, text("", JSON.parse(value))]).concat(some);
  axis.condition = () => [name, [...places].filter(([, at]) => at >= axis.kept[0] && at <= axis.kept[1]).map(([value]) => value)];
  return axis;
}

function halo(pen, said, x, y, colour, ink) {
  pen.strokeStyle = colour("--ground");
  pen.lineWidth = 3;
  pen.lineJoin = "round";
  pen.strokeText(said, x, y);
  pen.fillStyle = colour(ink);
  pen.fillText(said, x, y);
}

function cut(pen, said, room) {
  if (pen.measureText(said).width <= room) return said;
  let length = said.length;
  while (length > 1 && pen.measureText(`${said.slice(0, length)}…`).width > room) length--;
  return `${said.slice(0, length)}…`;
}
