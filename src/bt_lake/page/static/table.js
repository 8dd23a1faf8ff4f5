// A table of any number of rows, of which only those in view are in the document.

import { fill, h } from "./dom.js";

const ROW = 28, SPARE = 8;
const NARROWEST = 44, WIDEST = 280, WIDEST_ON_A_PHONE = 150, PADDING = 22, BOX = 34;

/** columns: [{name, title, right, hint, text(row), cell(row)?, sorts}] */
export class Table {
  constructor({ label, select, pick, open, sort, more }) {
    Object.assign(this, { select, pick, open, sort, more });
    this.rows = [];
    this.columns = [];
    this.selected = new Set();
    this.current = -1;
    this.head = h("div", { class: "head row", role: "row" });
    this.body = h("div", { class: "body", role: "rowgroup" });
    this.element = h("div", { class: "table", role: "grid", tabindex: "0", "aria-label": label,
                              onscroll: () => this.draw(), onkeydown: (event) => this.typed(event) }, this.head, this.body);
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  /** `keyOf` tells rows apart; `sorted` is {name, ascending}; `current` is the key of a row that is chosen. */
  show(rows, columns, { keyOf, sorted, total = null, current = null }) {
    const key = this.current >= 0 && this.rows[this.current] ? this.keyOf(this.rows[this.current]) : current;
    Object.assign(this, { rows, columns, keyOf, sorted, total });
    this.current = key === null ? -1 : rows.findIndex((row) => keyOf(row) === key);
    this.element.setAttribute("aria-rowcount", total ?? rows.length);
    const widths = columns.map((column) => widthOf(column, rows));
    const all = widths.reduce((sum, width) => sum + width, this.select ? BOX : 0);
    this.element.style.setProperty("--width", `${all}px`);
    const grow = columns.findIndex((column) => !column.right);
    this.element.style.setProperty("--columns", [
      ...(this.select ? [`${BOX}px`] : []),
      ...widths.map((width, place) => (place === grow ? `minmax(${width}px, 1fr)` : `${width}px`)),
    ].join(" "));
    fill(this.head,
      this.select ? h("span", { role: "columnheader", "aria-label": "selected" }) : null,
      columns.map((column) => this.heading(column)));
    this.draw(true);
  }

  heading(column) {
    const here = this.sorted?.name === column.name;
    const direction = here ? (this.sorted.ascending ? "ascending" : "descending") : null;
    return h("span", { role: "columnheader", class: column.right ? "right" : "", "aria-sort": direction, "data-name": column.name, title: column.hint },
      column.sorts
        ? h("button", { class: here ? "sorted" : "", onclick: () => this.sort(column.name) },
            column.title, here ? (this.sorted.ascending ? " ↑" : " ↓") : "")
        : column.title);
  }

  draw(anew = false) {
    const top = Math.max(0, Math.floor(this.element.scrollTop / ROW) - SPARE);
    const shown = Math.ceil((this.element.clientHeight || 600) / ROW) + 2 * SPARE;
    const last = Math.min(this.rows.length, top + shown);
    this.body.style.setProperty("height", `${this.rows.length * ROW}px`);
    if (!anew && this.top === top && this.last === last) return;
    Object.assign(this, { top, last });
    const focused = document.activeElement?.closest?.(".row")?.dataset.place;
    fill(this.body, this.rows.slice(top, last).map((row, place) => this.line(row, top + place)));
    if (focused !== undefined && this.body.querySelector(`[data-place="${focused}"] input`) && this.focusing)
      this.body.querySelector(`[data-place="${focused}"] input`).focus({ preventScroll: true });
    if (this.more && last >= this.rows.length - SPARE) this.more();
  }

  line(row, place) {
    const key = this.keyOf(row);
    const chosen = this.selected.has(key);
    return h("div", {
      class: `row${place === this.current ? " current" : ""}${chosen ? " selected" : ""}`,
      role: "row", "aria-rowindex": place + 2, "aria-selected": String(chosen), "data-place": place,
      style: { top: `${place * ROW}px` },
      onclick: (event) => { if (!event.target.closest("a, input")) this.to(place); },
      ondblclick: () => this.open?.(row),
    },
    this.select ? h("span", { role: "gridcell" },
      h("input", { type: "checkbox", checked: chosen, "aria-label": `select ${key}`,
                   onchange: () => { this.focusing = true; this.toggle(row); this.focusing = false; } })) : null,
    this.columns.map((column) =>
      h("span", { role: "gridcell", class: `${column.right ? "right" : "cut"} ${column.look?.(row) ?? ""}`,
                  title: column.right ? null : column.text(row) },
        column.cell ? column.cell(row) : column.text(row))));
  }

  to(place, { tell = true } = {}) {
    if (!this.rows.length) return;
    this.current = Math.max(0, Math.min(this.rows.length - 1, place));
    const top = this.current * ROW, room = this.element.clientHeight - this.head.offsetHeight - ROW;
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (top > this.element.scrollTop + room) this.element.scrollTop = top - room;
    this.draw(true);
    if (tell) this.pick?.(this.rows[this.current]);
  }

  /** The arrows do what j and k do, while the table itself is chosen. */
  typed(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / ROW) - 2);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined || event.target !== this.element) return;
    event.preventDefault();
    this.to(this.current + step);
  }

  toggle(row) {
    const key = this.keyOf(row);
    if (!this.selected.delete(key)) this.selected.add(key);
    this.draw(true);
    this.select(this.selected);
  }
}

const ruler = document.createElement("canvas").getContext("2d");
function widthOf(column, rows) {
  const { fontFamily } = getComputedStyle(document.body);
  ruler.font = `600 13px ${fontFamily}`;
  let widest = ruler.measureText(column.title + " ↓").width;
  ruler.font = `13px ${fontFamily}`;
  for (const row of rows.slice(0, 60)) widest = Math.max(widest, ruler.measureText(column.text(row)).width);
  return Math.round(Math.min(column.widest ?? (innerWidth < 820 ? WIDEST_ON_A_PHONE : WIDEST), Math.max(NARROWEST, widest + PADDING)));
}
