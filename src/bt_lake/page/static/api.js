// Questions to the server. One of the same key replaces the one before, which is stopped there too.

const asked = new Map();
const SLOW_MS = 300;

export class Refused extends Error {
  constructor(status, body) {
    super(body.error ?? `the server answered ${status}`);
    this.status = status;
    this.kind = body.kind ?? "";
  }
}

/** Numbers that a double cannot hold stay the text that they are, where the browser tells it. */
const exact = (_, value, context) =>
  typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)
    && context?.source && /^-?\d+$/.test(context.source) ? context.source : value;
export const parse = (text) => JSON.parse(text, exact);

/** The answer, or null where a newer question of the same key came between. */
export async function ask(path, params = {}, { key = path, body = null } = {}) {
  asked.get(key)?.abort();
  const control = new AbortController();
  asked.set(key, control);
  const slow = setTimeout(() => busy(1), SLOW_MS);
  let counted = false;
  const busy = (by) => { counted = by > 0; waiting(by); };
  try {
    const query = params instanceof URLSearchParams ? params : new URLSearchParams(params);
    const text = query.toString();
    const answer = await fetch(`/api/${path}${text ? "?" + text : ""}`, {
      signal: control.signal,
      ...(body && { method: "POST", body: JSON.stringify(body),
                    headers: { "content-type": "application/json" } }),
    });
    const said = parse(await answer.text() || "{}");
    if (!answer.ok) throw new Refused(answer.status, said);
    return said;
  } catch (error) {
    if (error.name === "AbortError") return null;
    throw error;
  } finally {
    clearTimeout(slow);
    if (counted) waiting(-1);
    if (asked.get(key) === control) asked.delete(key);
  }
}

/** Lets go of questions whose answers nobody needs any more; the server stops them. */
export function drop(...keys) {
  for (const key of keys) { asked.get(key)?.abort(); asked.delete(key); }
}

export function stopAll() {
  for (const control of asked.values()) control.abort();
  asked.clear();
}

let slowOnes = 0;
function waiting(by) {
  slowOnes += by;
  document.body.classList.toggle("waiting", slowOnes > 0);
}

/** The rows of an answer in columns. */
export const rowsOf = (answer) =>
  Array.from({ length: answer.rows }, (_, place) =>
    Object.fromEntries(answer.columns.map((name, column) => [name, answer.data[column][place]])));
