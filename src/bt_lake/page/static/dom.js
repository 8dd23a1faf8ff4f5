// Elements from plain values. A text is always a text node: nothing of a lake is ever markup.

const SVG = "http://www.w3.org/2000/svg";

export const h = (tag, given, ...children) => made(document.createElement(tag), given, children);
export const svg = (tag, given, ...children) =>
  made(document.createElementNS(SVG, tag), given, children);

function made(element, given, children) {
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.entries(value).forEach(([k, v]) => element.style.setProperty(k, v));
    else if (name === "value" || name === "checked" || name === "selected") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const fill = (element, ...children) => {
  element.replaceChildren(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
};

/** A choice among texts: [value, title] pairs. */
export function choice(label, options, chosen, changed) {
  return h("label", { class: "choice" }, label + " ",
    h("select", { onchange: (event) => changed(event.target.value) },
      options.map(([value, title]) =>
        h("option", { value, selected: value === chosen }, title))));
}

let quiet;
/** A word about what was done, for eyes and screen readers, which goes away by itself. */
export function say(text, kind = "") {
  const place = document.getElementById("said");
  place.className = kind;
  place.textContent = text;
  clearTimeout(quiet);
  quiet = setTimeout(() => { place.textContent = ""; }, kind === "bad" ? 12000 : 5000);
}

/** A question in a dialog; gives the text, or null where somebody thought better of it. */
export function prompt(question, { text = null, yes = "OK", danger = false } = {}) {
  return new Promise((resolve) => {
    const input = text === null ? null : h("input", { type: "text", value: text, "aria-label": question });
    const done = (value) => { dialog.close(); dialog.remove(); resolve(value); };
    const dialog = h("dialog", { "aria-label": question, oncancel: () => done(null) },
      h("form", { onsubmit: (event) => { event.preventDefault(); done(input ? input.value : ""); } },
        h("p", {}, question), input,
        h("p", { class: "buttons" },
          h("button", { type: "button", onclick: () => done(null) }, "Cancel"),
          h("button", { class: danger ? "danger" : "main" }, yes))));
    document.body.append(dialog);
    dialog.showModal();
  });
}
