// Values as `bt-lake list` writes them; a minus is as wide as a plus.

export const MISSING = "–";
let known = new Map();
let trades = {};

export function learn(words) {
  known = new Map(words.columns.map((column) => [column.name, column]));
  trades = words.trades;
}
export const column = (name) => known.get(name);
export const columns = () => [...known.values()];
export const tradeColumns = () => trades;
export const title = (name) =>
  known.get(name)?.title ?? name.replace(/^(param|extra)\./, "");
/** How a column, a parameter or a metric of one's own is written in a filter. */
export function spelt(name) {
  if (known.has(name)) return name;
  if (!name.startsWith("param.")) return `extra['${name.replaceAll("'", "''")}']`;
  return name.split(".").map((part) => (/^[a-z_]\w*$/i.test(part) ? part : `"${part.replaceAll('"', '""')}"`)).join(".");
}
export const isNumber = (name) => ["double", "int64"].includes(known.get(name)?.kind);

/** With a minus as wide as a plus, and none before what is rounded to zero. */
const minus = (text) => text.replace(/^-(?=0(\.0*)?$)/, "").replace(/^-/, "−");
// Made once: a formatter takes a hundred times as long to make as to use.
const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 3 });
const COMPACT = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
const FIXED = [0, 1, 2, 3, 4].map((digits) =>
  new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
const fixed = (value, digits) => minus(FIXED[digits].format(value));
const general = (value) => minus(String(Number(value.toPrecision(6))));

export function percent(value, { signed = true, digits = 1 } = {}) {
  if (value === null || value === undefined) return MISSING;
  if (Math.abs(value) >= 10) digits = 0;
  const text = fixed(value * 100, digits);
  if (/^−?0(\.0+)?$/.test(text)) return `${(0).toFixed(digits)}%`;
  return `${signed && value > 0 ? "+" : ""}${text}%`;
}
export const ratio = (value) =>
  value === null || value === undefined ? MISSING
    : Math.abs(value) < 1e6 ? fixed(value, 2) : minus(value.toPrecision(3));
export const count = (value) =>
  value === null || value === undefined ? MISSING : minus(WHOLE.format(value));

/** The text of a value of a column of `runs`, of a trade's column, or of what nothing is known of. */
export function text(name, value, about = known.get(name)) {
  if (value === null || value === undefined) return MISSING;
  if (Array.isArray(value)) return value.map((each) => text("", each)).join(", ");
  if (about?.kind === "timestamp") return time(value);
  if (typeof value === "boolean") return String(value);
  if (typeof value === "object") return JSON.stringify(value);
  if (typeof value !== "number") return String(value);
  if (!about || !["double", "int64"].includes(about.kind)) return general(value);
  switch (about.unit) {
    case "fraction": return percent(value, { signed: about.signed ?? true, digits: about.fine ? 2 : 1 });
    case "ratio": return name === "sharpe_period" ? fixed(value, 4) : ratio(value);
    case "money": return fixed(value, 2);
    case "count": case "bars": return count(value);
    default: return Number.isInteger(value) ? count(value) : fixed(value, 1);
  }
}

const two = (number) => String(number).padStart(2, "0");
export function day(ms) {
  const at = new Date(ms);
  return `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
}
export function time(ms) {
  if (ms % 86_400_000 === 0) return day(ms);
  const at = new Date(ms);
  return `${day(ms)} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
}
export const shortId = (id) => (id.length <= 9 ? id : `…${id.slice(-8)}`);
export const many = (number, thing) => `${count(number)} ${thing}${number === 1 ? "" : "s"}`;
export const compact = (number) =>
  number < 10_000 ? count(number)
    : COMPACT.format(number);
export const took = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

/** Nested parameters by their paths: {stop: {atr: 2}} gives {"stop.atr": 2}. */
export function flat(value, name = "") {
  if (value === null || typeof value !== "object" || Array.isArray(value)
      || (Object.keys(value).length === 0 && name)) return { [name]: value };
  return Object.assign({}, ...Object.entries(value).map(([key, part]) =>
    flat(part, name ? `${name}.${key}` : key)));
}
