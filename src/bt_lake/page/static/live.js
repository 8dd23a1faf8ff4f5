// What others do to the lake, told by the server; and whether it is there at all.

import { parse } from "./api.js";
import { fill, h } from "./dom.js";
import { count } from "./format.js";

const AGAIN_MS = 2000;

export function live(app) {
  let state = "", source;
  const lost = document.getElementById("lost");

  function show() {
    const place = document.getElementById("live");
    if (place) { place.textContent = state === "live" ? "live" : "off"; place.dataset.state = state; }
    const under = document.getElementById("under-way");
    if (under) fill(under, app.running.map((each) =>
      h("span", { class: "sweep", title: each.entrypoint },
        `${each.sweep ?? each.entrypoint}: ${count(each.in_lake)} of ${count(each.total)}`)));
    lost.hidden = state !== "lost" && state !== "closed";
    lost.textContent = state === "closed"
      ? "The server was started again with another token: open the address that it printed."
      : "The server does not answer. This page goes on when it is back.";
  }

  function set(now) {
    if (now !== state) { state = now; show(); }
  }

  function listen() {
    source = new EventSource("/api/live");
    const heard = (event) => {
      const was = state;
      set("live");
      app.running = JSON.parse(event.data).running ?? app.running;
      show();
      if (event.type === "changed" || was === "lost") app.view?.changed?.();
      if (event.type === "running") app.view?.running?.(app.running);
    };
    source.addEventListener("job", (event) => app.view?.job?.(parse(event.data)));
    for (const kind of ["hello", "changed", "running"]) source.addEventListener(kind, heard);
    source.onerror = () => {
      source.close();
      if (state !== "closed") set("lost");
      setTimeout(back, AGAIN_MS);
    };
  }

  async function back() {
    try {
      const answer = await fetch("/api/about");
      if (answer.status === 403) set("closed");
      else if (answer.ok) { listen(); return; }
    } catch { /* not yet */ }
    setTimeout(back, AGAIN_MS);
  }

  window.addEventListener("pagehide", () => source.close());
  listen();
  return { show };
}
