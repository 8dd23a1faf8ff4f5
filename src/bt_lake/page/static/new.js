// Running something: a function that was allowed, once or over a grid, and how far it is.

import { Refused, ask } from "./api.js";
import { choice, fill, h, say } from "./dom.js";
import { count, many, text, title } from "./format.js";

const LABELS = ["symbol", "timeframe", "exit_rule", "strategy_version", "engine"];
const LISTED = new Set(["symbol", "timeframe", "exit_rule"]);

export function newView(root, app) {
  root.className = "page wide-page";
  const form = h("form", { class: "new", onsubmit: run }), list = h("section", { "aria-label": "Under way" });
  let fields = [], labels = new Map(), jobs = [], target = "";

  async function begin() {
    fill(root, h("h1", {}, "Run something"));
    if (!app.about.runs_something) {
      fill(root, h("h1", {}, "Run something"),
        h("p", {}, app.about.read_only ? "This page only reads: it was started with --read-only." : "Nothing may be run from this page. Whoever starts it allows functions by name, or all of a folder:"),
        app.about.read_only ? null : h("pre", {}, "bt-lake page --allow my.strategies:breakout --allow strategies/"));
      return;
    }
    const [{ functions }, found] = await Promise.all([ask("functions"), ask("jobs", {}, { key: "jobs" })]);
    ({ jobs } = found);
    const asked = new URLSearchParams(location.search).get("target") ?? "";
    fill(root, h("h1", {}, "Run something"),
      h("div", { class: "controls" }, choice("function", [["", "choose one"], ...functions.map((each) => [each, shortened(each)])], asked, (value) => app.go(value ? `/new?${new URLSearchParams({ target: value })}` : "/new"))),
      form, list);
    draw();
    if (asked) describe(asked);
  }

  const shortened = (name) => (name.length > 70 ? "…" + name.slice(-68) : name);

  async function describe(name) {
    target = name;
    fill(form, h("p", { class: "dim" }, "It is being imported …"));
    try {
      const found = await ask("parameters", {}, { key: "parameters", body: { target } });
      if (found) drawForm(found.parameters);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      fill(form, h("p", { class: "error", role: "alert" }, "It cannot be run:"), h("pre", { class: "error" }, error.message));
    }
  }

  function drawForm(parameters) {
    fields = [];
    labels = new Map();
    const label = (name, hint = "", kind = "text") => {
      const input = h("input", { type: kind, placeholder: hint, autocomplete: "off", ...(kind === "number" && { min: 1 }) });
      labels.set(name, input);
      return h("label", {}, h("span", {}, title(name)), input);
    };
    const taken = new Set([...LABELS, "start", "end"]);
    const own = parameters.filter((each) => !taken.has(each.name));
    const told = parameters.filter((each) => taken.has(each.name) && !["start", "end"].includes(each.name)).map((each) => each.name);
    fill(form,
      own.length ? h("fieldset", {}, h("legend", {}, "Parameters"),
        h("p", { class: "dim" }, "A value, or a grid: 5:50:5 (with steps), 0.01:1:log5, or 10,20,50. Left empty, the default counts."),
        own.map((each) => {
          const input = h("input", { type: "text", placeholder: each.default ?? "needed", autocomplete: "off", spellcheck: "false", required: each.default === null });
          const grid = h("input", { type: "checkbox" });
          input.addEventListener("input", () => { grid.checked = /^[^"[{]*[^"[{:,][:,]/.test(input.value); });
          fields.push([each.name, input, grid]);
          return h("div", { class: "field" }, h("label", {}, h("span", {}, each.name, each.type ? h("small", { class: "dim" }, ` ${each.type}`) : null), input), h("label", { class: "grid-box" }, grid, " grid"));
        })) : h("p", { class: "dim" }, "It takes no parameters."),
      h("fieldset", {}, h("legend", {}, "On what"),
        [...new Set([...told, "symbol", "timeframe"])].map((name) => label(name, "several with commas")), label("start", "2019-01-01"), label("end", "2024-12-31")),
      h("details", {}, h("summary", {}, "More"),
        h("fieldset", {}, label("conditions", "fast < slow"), label("random", "draw so many combinations", "number"), label("folds", "walk-forward folds", "number"), label("jobs", "worker processes", "number"), label("strategy", "its name in the lake"), label("sweep", "what to call it"), label("metric", "sharpe_ratio"))),
      h("p", { class: "buttons left" }, h("button", { class: "main" }, "Run")));
  }

  async function run(event) {
    event.preventDefault();
    const params = {}, grid = {}, options = {}, body = { target, params, grid, options };
    for (const [name, input, box] of fields) if (input.value.trim()) (box.checked ? grid : params)[name] = input.value.trim();
    for (const [name, input] of labels) {
      const value = input.value.trim();
      if (!value) continue;
      if (name === "jobs") body.jobs = Number(value);
      else if (name === "metric") body.metric = value;
      else if (["random", "folds"].includes(name)) options[name] = Number(value);
      else if (name === "conditions") options.conditions = [value];
      else if (LISTED.has(name)) options[name] = value.split(",").map((each) => each.trim()).filter(Boolean);
      else if (["start", "end", "strategy", "sweep"].includes(name)) options[name] = value;
      else options[name] = [value];
    }
    try {
      await ask("jobs", {}, { key: "start", body });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      say(error.message, "bad");
    }
  }

  function draw() {
    fill(list, jobs.length ? h("h2", {}, "Started here") : null, jobs.map(one));
  }

  function one(job) {
    const over = ["ended", "stopped", "refused", "died"].includes(job.state);
    const share = job.total ? job.in_lake / job.total : 0;
    const params = Object.entries(job.best_params ?? {}).map(([name, value]) => `${name} ${value}`).join(", ");
    const link = job.sweep ? `/runs?${new URLSearchParams({ sweep: job.sweep, sort: job.metric ?? "sharpe_ratio" })}` : job.run_ids[0] ? `/run/${encodeURIComponent(job.run_ids[0])}` : null;
    const failed = `/runs?${new URLSearchParams({ sweep: job.sweep ?? "", status: "failed" })}`;
    return h("article", { class: `job ${job.state}`, "data-job": job.id },
      h("div", { class: "job-head" }, h("b", {}, job.sweep ?? shortened(job.target)), " ", h("span", { class: `state ${job.state}` }, job.state), h("span", { class: "gap" }),
        link ? h("a", { href: link }, job.sweep ? "Its runs" : "The run") : null,
        over ? null : h("button", { class: "danger", onclick: () => ask(`jobs/${job.id}/stop`, {}, { key: `stop-${job.id}`, body: {} }) }, job.state === "stopping" ? "Stop at once" : "Stop")),
      job.total > 1 || !over ? h("progress", { max: 1, value: String(job.total ? share : 0), "aria-label": "how much is done" }) : null,
      h("p", { class: "dim" }, [
        job.total > 1 && !over ? `${count(job.in_lake)} of ${many(job.total, "run")}` : null,
        !over && job.per_s ? `${job.per_s.toFixed(job.per_s < 10 ? 1 : 0)} a second` : null,
        !over && job.seconds_left ? `${Math.ceil(job.seconds_left)} s left` : null,
        job.failed ? `${count(job.failed)} failed` : null,
        job.best !== null ? `best ${title(job.metric)} ${text(job.metric, job.best)}${params ? ` (${params})` : ""}` : null,
        over ? job.text : null].filter(Boolean).join(" · ")),
      job.error ? h("details", { open: job.state === "refused" || null }, h("summary", { class: "error" }, job.state === "refused" ? "Why it was not run" : "The first failure"), h("pre", {}, job.error), job.failed && job.sweep ? h("a", { href: failed }, "All that failed") : null) : null,
      job.printed.length ? h("details", {}, h("summary", {}, "What it printed"), h("pre", {}, job.printed.join("\n"))) : null);
  }

  begin();
  return {
    job: (told) => {
      const place = jobs.findIndex((each) => each.id === told.id);
      if (place < 0) jobs.unshift(told);
      else jobs[place] = told;
      const old = list.querySelector(`[data-job="${told.id}"]`);
      if (!old) { draw(); return; }
      const made = one(told), open = [...old.querySelectorAll("details")].map((each) => each.open);
      made.querySelectorAll("details").forEach((each, n) => { each.open = open[n] ?? each.open; });
      old.replaceWith(made);
    },
    changed: () => {},
    keys: {},
  };
}
