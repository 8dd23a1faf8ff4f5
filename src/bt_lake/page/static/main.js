// Where the page begins: the address says which view is drawn, and everything it shows.

import { Refused, ask, stopAll } from "./api.js";
import { fill, h, say } from "./dom.js";
import { learn } from "./format.js";
import { help, listen as keys } from "./keys.js";
import { live } from "./live.js";
import { search } from "./search.js";
import { compareView } from "./compare.js";
import { lakeView } from "./lake.js";
import { newView } from "./new.js";
import { overfitView } from "./overfit.js";
import { runView } from "./run.js";
import { runsView } from "./runs.js";
import { sweepView } from "./sweep.js";

const VIEWS = [
  { path: /^\/(?:runs)?$/, draw: runsView, title: "Runs", home: "/runs" },
  { path: /^\/run\/([^/]+)$/, draw: runView, title: "Run" },
  { path: /^\/compare$/, draw: compareView, title: "Compare" },
  { path: /^\/sweep(?:\/(.+))?$/, draw: sweepView, title: "Sweeps", home: "/sweep" },
  { path: /^\/overfit$/, draw: overfitView, title: "Overfitting", home: "/overfit" },
  { path: /^\/new$/, draw: newView, title: "Run something", short: "Run", home: "/new" },
  { path: /^\/lake$/, draw: lakeView, title: "Lake", home: "/lake" },
];

const app = { about: null, view: null, go, draw, running: [] };

function go(address, { replace = false } = {}) {
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  draw();
}

/** Draws what the address says; a view that is there already may take a new address by itself. */
function draw() {
  const found = VIEWS.find((view) => view.path.test(location.pathname));
  const here = found?.path.exec(location.pathname);
  if (found && app.view?.draws === found && app.view.moved?.(decodeURIComponent(here[1] ?? ""))) return;
  app.view?.close?.();
  stopAll();
  const root = h("div", { class: "page" });
  fill(document.getElementById("view"), root);
  top();
  if (!found) { failed(root, new Error("There is no such page.")); return; }
  document.title = `${found.title} · ${app.about.lake}`;
  app.view = { draws: found };
  const view = found.draw(root, app, decodeURIComponent(here[1] ?? ""));
  app.view = Object.assign(view ?? {}, { draws: found });
}

export function failed(root, error) {
  fill(root, h("div", { class: "empty", role: "alert" },
    h("h1", {}, error instanceof Refused && error.status === 404 ? "Not found" : "This did not work"),
    h("p", { class: "error" }, error.message),
    h("p", {}, h("a", { href: "/runs" }, "All runs"))));
}

function top() {
  const at = location.pathname;
  fill(document.getElementById("top"),
    h("a", { class: "skip", href: "#view", onclick: (event) => { event.preventDefault(); document.getElementById("view").focus(); } }, "Skip to content"),
    h("a", { class: "name", href: "/runs", title: "bt-lake" }, app.about.lake),
    h("nav", { "aria-label": "Views" }, VIEWS.filter((view) => view.home && (view.home !== "/new" || app.about.runs_something)).map((view) =>
      h("a", { href: view.home, "aria-current": view.path.test(at) ? "page" : null }, view.short ?? view.title))),
    h("span", { class: "gap" }),
    h("span", { id: "under-way" }),
    h("span", { id: "live", class: "live", title: "Whether new runs show by themselves" }, ""),
    h("button", { onclick: () => search(app), title: "Find runs (Ctrl-K)" }, "Find"),
    h("button", { onclick: turnLights, title: "Light or dark" }, dark() ? "Light" : "Dark"),
    h("button", { onclick: help, title: "Keys (?)", "aria-label": "Keys" }, "?"));
  app.live?.show();
}

const dark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
function turnLights() {
  const theme = dark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("bt-lake.theme", theme);
  top();
  app.view?.repaint?.();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='/']");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey
      || link.target || link.hasAttribute("download")) return;
  event.preventDefault();
  go(link.getAttribute("href"));
  window.scrollTo(0, 0);
});
window.addEventListener("popstate", draw);
window.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  if (event.reason instanceof Refused) say(event.reason.message, "bad");
  else if (!(event.reason instanceof TypeError && /fetch/i.test(event.reason.message))) console.error(event.reason);
});

const theme = localStorage.getItem("bt-lake.theme");
if (theme) document.documentElement.dataset.theme = theme;
try {
  app.about = await ask("about");
  learn(app.about);
  app.live = live(app);
  keys(app);
  draw();
} catch (error) {
  failed(document.getElementById("view"), error);
}
