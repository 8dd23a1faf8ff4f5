// Line charts on a canvas: axes of time, a crosshair, zoom by dragging, several charts in step.

import { h } from "./dom.js";
import { day, time } from "./format.js";

const LEFT = 58, RIGHT = 10, TOP = 8, BOTTOM = 22;
const STEPS = [1, 2, 2.5, 5, 10];
export const COLOURS = ["--line-1", "--line-2", "--line-3", "--line-4", "--line-5", "--line-6"];
const DASHES = [[], [6, 3], [2, 3]];

/** The look of the n-th of several lines: colour first, then a dash, so that no two are alike. */
export const lookOf = (place) =>
  ({ colour: COLOURS[place % COLOURS.length], dash: DASHES[Math.floor(place / COLOURS.length) % 3] });

/** What several charts share: the stretch of time they show, and where the pointer is. */
export class Span {
  constructor() { this.charts = []; this.from = null; this.to = null; this.at = null; }
  zoom(from, to) { this.from = from; this.to = to; this.draw(); this.zoomed?.(from, to); }
  point(at) { this.at = at; this.draw(); }
  draw() { for (const chart of this.charts) chart.draw(); }
}

/**
 * series: [{ts, values, colour, dash, name, area}], in the order of time. `write` makes the text of
 * a value. Gives an element; `element.chart` has draw() and `log`.
 */
export function lineChart(series, { height = 220, write, span = new Span(), label, marks = [] }) {
  const canvas = h("canvas", { "aria-hidden": "true" });
  const told = h("p", { class: "under-pointer" });
  const box = h("div", { class: "chart", role: "img", "aria-label": label, style: { "--height": `${height}px` } },
    canvas, told);
  const chart = new Chart(canvas, told, series, { write, span, marks, height });
  span.charts.push(chart);
  new ResizeObserver(() => chart.draw()).observe(box);
  box.chart = chart;
  return box;
}

class Chart {
  constructor(canvas, told, series, options) {
    Object.assign(this, { canvas, told, series, ...options, log: false, drag: null });
    canvas.addEventListener("pointerdown", (event) => {
      this.drag = this.timeAt(event.offsetX);
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => this.span.point(this.timeAt(event.offsetX)));
    canvas.addEventListener("pointerleave", () => this.span.point(null));
    canvas.addEventListener("pointerup", (event) => {
      const end = this.timeAt(event.offsetX), start = this.drag;
      this.drag = null;
      if (start !== null && Math.abs(this.x(end) - this.x(start)) > 6)
        this.span.zoom(Math.min(start, end), Math.max(start, end));
    });
    canvas.addEventListener("dblclick", () => this.span.zoom(null, null));
  }

  get bounds() {
    const firsts = this.series.map((s) => s.ts[0]), lasts = this.series.map((s) => s.ts.at(-1));
    const from = this.span.from ?? Math.min(...firsts), to = this.span.to ?? Math.max(...lasts);
    return from < to ? [from, to] : [from - 43_200_000, to + 43_200_000];
  }

  timeAt(x) {
    const [from, to] = this.bounds;
    const share = (x - LEFT) / Math.max(1, this.width - LEFT - RIGHT);
    return from + Math.min(1, Math.max(0, share)) * (to - from);
  }

  x(at) {
    const [from, to] = this.bounds;
    return LEFT + ((at - from) / (to - from)) * (this.width - LEFT - RIGHT);
  }

  draw() {
    const { canvas } = this;
    this.width = canvas.clientWidth;
    if (!this.width || !this.series.length) return;
    const scale = devicePixelRatio || 1;
    canvas.width = this.width * scale;
    canvas.height = this.height * scale;
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    const style = getComputedStyle(canvas);
    this.colour = (name) => style.getPropertyValue(name).trim();
    pen.font = `11px ${style.fontFamily}`;
    const [from, to] = this.bounds;
    const [low, high] = this.range(from, to);
    const put = this.log ? Math.log : (value) => value;
    const y = (value) =>
      TOP + (1 - (put(value) - put(low)) / (put(high) - put(low))) * (this.height - TOP - BOTTOM);
    this.axes(pen, low, high, y, from, to);
    pen.save();
    pen.beginPath();
    pen.rect(LEFT, 0, this.width - LEFT - RIGHT, this.height - BOTTOM + 1);
    pen.clip();
    for (const line of this.series) this.line(pen, line, y);
    for (const mark of this.marks) this.mark(pen, mark, y);
    if (this.drag !== null && this.span.at !== null) {
      pen.fillStyle = this.colour("--shade");
      pen.fillRect(this.x(this.drag), 0, this.x(this.span.at) - this.x(this.drag), this.height);
    }
    pen.restore();
    this.pointer(pen, y);
  }

  range(from, to) {
    let low = Infinity, high = -Infinity;
    for (const { ts, values } of this.series) {
      const first = Math.max(0, before(ts, from)), last = Math.min(ts.length - 1, before(ts, to) + 1);
      for (let place = first; place <= last; place++) {
        const value = values[place];
        if (value === null || value === undefined || (this.log && value <= 0)) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    if (low > high) return [0, 1];
    if (low === high) return this.log ? [low * 0.9, high * 1.1] : [low - (Math.abs(low) || 1) * 0.05, high + (Math.abs(high) || 1) * 0.05];
    const room = (high - low) * 0.04;
    return this.log ? [low * 0.98, high * 1.02]
      : [this.series.some((s) => s.area) ? low - room : low - room, this.series.some((s) => s.area) ? Math.max(0, high) : high + room];
  }

  axes(pen, low, high, y, from, to) {
    pen.strokeStyle = this.colour("--grid");
    pen.fillStyle = this.colour("--dim");
    pen.lineWidth = 1;
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    for (const value of ticks(low, high, Math.max(2, Math.floor(this.height / 45)))) {
      const at = Math.round(y(value)) + 0.5;
      stroke(pen, LEFT, at, this.width - RIGHT, at);
      pen.fillText(this.write(value), LEFT - 6, at);
    }
    pen.textAlign = "center";
    pen.textBaseline = "top";
    for (const [at, said] of timeTicks(from, to, Math.max(2, Math.floor((this.width - LEFT) / 80)))) {
      const x = Math.round(this.x(at)) + 0.5;
      stroke(pen, x, TOP, x, this.height - BOTTOM);
      const half = pen.measureText(said).width / 2;
      if (x + half <= this.width && x - half >= LEFT - 30) pen.fillText(said, x, this.height - BOTTOM + 5);
    }
  }

  line(pen, { ts, values, colour, dash = [], area }, y) {
    pen.beginPath();
    let open = false;
    const first = Math.max(0, before(ts, this.bounds[0]) - 1);
    const last = Math.min(ts.length - 1, before(ts, this.bounds[1]) + 2);
    for (let place = first; place <= last; place++) {
      const value = values[place];
      if (value === null || value === undefined || (this.log && value <= 0)) { open = false; continue; }
      if (open) pen.lineTo(this.x(ts[place]), y(value));
      else pen.moveTo(this.x(ts[place]), y(value));
      open = true;
    }
    pen.strokeStyle = this.colour(colour);
    pen.lineWidth = 1.4;
    pen.setLineDash(dash);
    pen.stroke();
    pen.setLineDash([]);
    if (first === last) dot(pen, this.x(ts[first]), y(values[first]), pen.strokeStyle);
    if (area) {
      pen.lineTo(this.x(ts[last]), y(0));
      pen.lineTo(this.x(ts[first]), y(0));
      pen.globalAlpha = 0.12;
      pen.fillStyle = pen.strokeStyle;
      pen.fill();
      pen.globalAlpha = 1;
    }
  }

  mark(pen, { at, up, colour }, y) {
    const line = this.series[0];
    const place = before(line.ts, at);
    if (place < 0 || at > line.ts.at(-1)) return;
    const x = this.x(at), top = y(line.values[place]) + (up ? 9 : -9);
    pen.fillStyle = this.colour(colour);
    pen.beginPath();
    pen.moveTo(x, top + (up ? -6 : 6));
    pen.lineTo(x - 3.5, top);
    pen.lineTo(x + 3.5, top);
    pen.fill();
  }

  pointer(pen, y) {
    const { at } = this.span;
    if (at === null) { this.told.textContent = ""; return; }
    const x = Math.round(this.x(at)) + 0.5;
    pen.strokeStyle = this.colour("--dim");
    stroke(pen, x, TOP, x, this.height - BOTTOM);
    const parts = [];
    let shown = at;
    for (const { ts, values, colour, name } of this.series) {
      const place = before(ts, at);
      if (place < 0 || values[place] === null || values[place] === undefined) continue;
      shown = ts[place];
      dot(pen, this.x(ts[place]), y(values[place]), this.colour(colour));
      parts.push(`${name ? name + " " : ""}${this.write(values[place])}`);
    }
    this.told.textContent = `${time(Math.round(shown / 1000) * 1000)} · ${parts.join(" · ")}`;
  }
}

/** The place of the last time that is not after `at`; -1 where all are. */
export function before(ts, at) {
  let low = 0, high = ts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ts[middle] <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

const stroke = (pen, ...[a, b, c, d]) => { pen.beginPath(); pen.moveTo(a, b); pen.lineTo(c, d); pen.stroke(); };
const dot = (pen, x, y, colour) => { pen.fillStyle = colour; pen.beginPath(); pen.arc(x, y, 3, 0, 7); pen.fill(); };

export function ticks(low, high, most) {
  const rough = (high - low) / most;
  if (!(rough > 0)) return [];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = STEPS.map((each) => each * power).find((each) => each >= rough * 0.999);
  const found = [];
  for (let place = Math.ceil(low / step); place * step <= high; place++) found.push(place * step);
  return found;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY = 86_400_000;
function timeTicks(from, to, most) {
  const days = (to - from) / DAY;
  if (days > 45) {
    const months = [1, 2, 3, 6, 12, 24, 60, 120].find((each) => days / 30.4 / each <= most + 0.5) ?? 240;
    const found = [];
    const start = new Date(from);
    let month = start.getUTCFullYear() * 12 + start.getUTCMonth();
    month += (months - (month % months)) % months;
    for (; ; month += months) {
      const at = Date.UTC(Math.floor(month / 12), month % 12, 1);
      if (at > to) return found;
      const name = month % 12 === 0 || months >= 12 ? String(Math.floor(month / 12)) : `${MONTHS[month % 12]} ${Math.floor(month / 12)}`;
      if (at >= from) found.push([at, name]);
    }
  }
  const hours = [1 / 60, 1 / 12, 1 / 4, 1, 3, 6, 12, 24, 48, 168].find((each) => (days * 24) / each <= most) ?? 336;
  const step = hours * 3_600_000, found = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step)
    found.push([at, hours >= 24 ? day(at) : at % DAY === 0 ? day(at) : new Date(at).toISOString().slice(11, 16)]);
  return found;
}
