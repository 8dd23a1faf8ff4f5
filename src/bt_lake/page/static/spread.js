// Bars of how often values come, with some values marked; and dots with their spread over a rank.

import { ticks } from "./chart.js";
import { h, svg } from "./dom.js";

const ROOM = 34, EACH = 90;
/** As wide as there is room, so that its letters are as large as others. */
const roomFor = () => Math.min(1080, Math.max(300, innerWidth - 40));

/**
 * counts: how many lie in each equal step from `low` to `high`. marks: [[value, class, name], ...].
 * `below`: bars that end at this value or before it are drawn as the bad ones.
 */
export function spread({ counts, low, high, marks = [], write, caption, label, below = null, height = 170 }) {
  marks = marks.filter(([value]) => value !== null && value !== undefined);
  const W = roomFor();
  const from = Math.min(low, ...marks.map(([value]) => value)), to = Math.max(high, ...marks.map(([value]) => value));
  const room = (to - from || 1) * 1.06, start = from - room * 0.03, most = Math.max(1, ...counts);
  const top = 12 + 14 * marks.length;
  const x = (value) => ((value - start) / room) * W, step = (high - low) / counts.length, width = x(low + step) - x(low);
  const bad = (place) => below !== null && low + (place + 1) * step <= below + step * 1e-6;
  return h("figure", {}, h("figcaption", {}, caption),
    svg("svg", { viewBox: `0 0 ${W} ${height + ROOM}`, class: "distribution", role: "img", "aria-label": label },
      counts.map((each, place) => each ? svg("rect", { class: bad(place) ? "below" : null, x: x(low) + place * width + 0.5, y: height - (each / most) * (height - top), width: Math.max(1, width - 1), height: (each / most) * (height - top) },
        svg("title", {}, `${write(low + place * step)} to ${write(low + (place + 1) * step)}: ${each.toLocaleString("en-US")}`)) : null),
      svg("line", { x1: 0, x2: W, y1: height, y2: height, class: "axis" }),
      marks.map(([value, kind, said], place) => [
        svg("line", { x1: x(value), x2: x(value), y1: 4 + place * 14, y2: height, class: kind }),
        svg("text", { x: x(value) + (x(value) > W * 0.8 ? -5 : 5), y: 14 + place * 14, class: kind, "text-anchor": x(value) > W * 0.8 ? "end" : "start" }, `${said} ${write(value)}`)]),
      ticks(start, start + room, W / EACH).filter((value) => x(value) > 24 && x(value) < W - 24).map((value) =>
        svg("text", { x: x(value), y: height + 20, class: "tick", "text-anchor": "middle" }, write(value)))));
}

/** points: [{at, low, middle, high}] with `at` from 0 to 1, left to right; 0 is ruled. */
export function ranked(points, { write, caption, label, ends, height = 200 }) {
  const W = roomFor(), values = points.flatMap(({ low, high }) => [low, high]).concat(0);
  const top = Math.max(...values), bottom = Math.min(...values), LEFT = 56, room = top - bottom || 1;
  const y = (value) => 8 + ((top - value) / room) * (height - 16);
  const x = (at) => LEFT + 14 + at * (W - LEFT - 28);
  return h("figure", {}, h("figcaption", {}, caption),
    svg("svg", { viewBox: `0 0 ${W} ${height + 24}`, class: "distribution", role: "img", "aria-label": label },
      [bottom, top].map((value) => svg("text", { x: LEFT - 8, y: y(value) + 4, class: "tick", "text-anchor": "end" }, write(value))),
      svg("line", { x1: LEFT, x2: W, y1: y(0), y2: y(0), class: "luck" }),
      svg("text", { x: LEFT - 8, y: y(0) + 4, class: "luck", "text-anchor": "end" }, write(0)),
      points.map(({ at, low, middle, high }) => [
        svg("line", { class: "range", x1: x(at), x2: x(at), y1: y(low), y2: y(high) }),
        svg("circle", { class: "middle", cx: x(at), cy: y(middle), r: 4 },
          svg("title", {}, `${write(middle)}; half of them from ${write(low)} to ${write(high)}`))]),
      svg("text", { x: LEFT, y: height + 18, class: "tick" }, ends[0]),
      svg("text", { x: W, y: height + 18, class: "tick", "text-anchor": "end" }, ends[1])));
}
