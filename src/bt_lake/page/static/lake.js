// The lake itself: what it holds and takes up, and whether it is whole.

import { Refused, ask } from "./api.js";
import { fill, h } from "./dom.js";
import { count, many, time } from "./format.js";

const UNITS = ["B", "KB", "MB", "GB", "TB"];
export function size(bytes) {
  let place = 0;
  while (bytes >= 1000 && place < UNITS.length - 1) { bytes /= 1000; place++; }
  return `${place ? bytes.toFixed(1) : bytes} ${UNITS[place]}`;
}

export function lakeView(root) {
  root.className = "page wide-page";
  const found = h("div", { role: "status" });
  const looking = [h("h2", {}, "Check"),
    h("p", {}, h("button", { onclick: check }, "Look for damage"), " ", h("span", { class: "dim" }, "names, sizes and footers of all files; bt-lake check --deep reads every byte")),
    found];
  let shown = false;

  async function load() {
    let info;
    try {
      info = await ask("info", {}, { key: "info" });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const none = error.status === 404;
      fill(root, h("h1", {}, "Lake"), h("p", { class: none ? "dim" : "error", role: none ? null : "alert" }, error.message), none ? null : looking);
      if (error.kind === "Damaged") check();
      return;
    }
    if (!info) return;
    const rows = [
      ["folder", info.path], ["id", info.lake_id], ["format, epoch", `${info.format}, ${info.epoch}`],
      ["runs", `${count(info.runs)}${info.failed ? `, ${count(info.failed)} failed` : ""}${info.deleted ? `, ${count(info.deleted)} deleted` : ""}`],
      ["of", `${many(info.strategies, "strategy").replace(/strategys/, "strategies")}, ${many(info.symbols, "symbol")}`],
      info.runs ? ["made", `${time(Math.floor(info.first_run_at / 60000) * 60000)} to ${time(Math.floor(info.last_run_at / 60000) * 60000)}`] : null,
      ["size", `${size(info.bytes)} in ${many(info.files, "file")}`],
      ["free", size(info.upkeep.free_bytes)],
      info.upkeep.quarantined_files ? ["set aside", `${size(info.upkeep.quarantined_bytes)} in ${many(info.upkeep.quarantined_files, "file")}`] : null,
      info.spared ? ["compaction", `bt-lake compact would spare ${many(info.spared, "file")}`] : null,
    ].filter(Boolean);
    fill(root, h("h1", {}, "Lake"),
      h("table", { class: "small facts" }, h("tbody", {}, rows.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value))))),
      h("h2", {}, "Tables"),
      h("div", { class: "scroll" }, h("table", { class: "small numbers beside" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "table"), ["rows", "files", "size", "not compacted"].map((name) => h("th", { scope: "col", class: "right" }, name)))),
        h("tbody", {}, Object.entries(info.tables).map(([name, part]) => h("tr", {}, h("th", { scope: "row" }, name),
          [count(part.rows), count(part.files), size(part.bytes), count(part.fresh)].map((value) => h("td", { class: "right" }, value))))))),
      info.upkeep.at_work.length ? [h("h2", {}, "At work"), info.upkeep.at_work.map((each) => h("p", {}, `${each.lock}: pid ${each.pid} of ${each.user} on ${each.host}, since ${each.since} ${each.state ?? ""}`))] : null,
      looking);
    shown = true;
  }

  async function check() {
    fill(found, h("p", { class: "dim" }, "Looking …"));
    const report = await ask("check", {}, { key: "check" }).catch((error) => error);
    if (!report) return;
    if (report instanceof Error) { fill(found, h("p", { class: "error" }, report.message)); return; }
    fill(found, report.findings.length
      ? [h("p", { class: report.damaged ? "error" : "" }, report.damaged ? "The lake is damaged." : "The lake is whole; this takes up room:"),
         h("ul", {}, report.findings.map((each) => h("li", {}, h("b", {}, each.path), ` ${each.message}. `, h("span", { class: "dim" }, each.remedy))))]
      : h("p", { class: "gain" }, `${many(report.files, "file")}, no damage.`));
  }

  load();
  return { changed: () => shown && load() };
}
