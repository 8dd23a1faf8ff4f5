// What the best of the trials is worth: the verdict, the numbers it rests on, and the best ones.

import { Refused, ask, parse, rowsOf } from "./api.js";
import { choice, fill, h } from "./dom.js";
import { count, flat, many, percent, ratio, shortId, text, title } from "./format.js";
import { ranked, spread } from "./spread.js";

export function overfitView(root, app) {
  root.className = "page wide-page";
  const shown = new URLSearchParams(location.search);
  const strategy = shown.get("strategy") ?? "";

  async function load() {
    const known = await ask("strategies", {}, { key: "strategies" }).catch((error) => error);
    if (!known) return;
    if (known instanceof Error) { fill(root, h("h1", {}, "Overfitting"), h("p", { class: "dim" }, known.message)); return; }
    const head = [h("h1", {}, "Overfitting"),
      h("div", { class: "controls" }, choice("strategy", [["", "choose one"], ["*", "all runs together"], ...known.strategies.map(([name, runs]) => [name, `${name} (${count(runs)})`])],
        strategy || (shown.has("all") ? "*" : ""), (value) => app.go(value === "*" ? "/overfit?all=1" : value ? `/overfit?strategy=${encodeURIComponent(value)}` : "/overfit")))];
    if (!strategy && !shown.has("all")) { fill(root, head, h("p", { class: "dim" }, "Who tries often finds something that looks good. Choose a strategy to see what its best run is worth beside the luck of all its trials.")); return; }
    fill(root, head, h("p", { class: "dim", role: "status" }, "The trials are being judged; many with long curves take a while."));
    const asked = new URLSearchParams(shown);
    asked.delete("all");
    let found, best;
    try {
      [found, best] = [await ask("overfit", asked, { key: "overfit" }), await ask("best", asked, { key: "best" })];
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      fill(root, head, h("p", { class: "error", role: "alert" }, error.message));
      return;
    }
    if (found && best) draw(head, found, rowsOf(best), best);
  }

  function draw(head, { report, text: said, histogram }, rows, best) {
    const { search, overfitting, best: winner } = report;
    fill(root, head,
      h("p", { class: `verdict ${report.better === true ? "good" : report.better === false ? "bad" : ""}` }, report.verdict),
      report.notes.map((note) => h("p", { class: "dim" }, note)),
      trials(histogram, winner?.sharpe_annual, search?.luck_annual),
      h("dl", { class: "cards six" }, [
        ["trials", count(report.counts.trials), "all that were tried, failed and deleted ones too"],
        ["best sharpe", ratio(winner?.sharpe_annual), "annual, of the best live trial"],
        ["best by luck", ratio(search?.luck_annual), "what the best would reach on average, were none any good"],
        ["as lucky", search ? percent(search.p, { signed: false, digits: 0 }) : "–", "how often a search among worthless trials shows one as good"],
        ["dsr", ratio(winner?.deflated?.dsr), "deflated Sharpe ratio: no test at any level, but a way to compare"],
        ["pbo", ratio(overfitting?.pbo), "probability of backtest overfitting: how often the best in sample is below the median out of sample"],
      ].map(([name, value, meaning]) => h("div", { title: meaning }, h("dt", {}, name), h("dd", {}, value)))),
      overfitting ? selection(overfitting) : null,
      rows.length ? [h("h2", {}, "The best by sharpe, and what each is worth"), leaderboard(rows, best)] : null,
      h("h2", {}, "The whole report"), h("pre", {}, said));
  }

  function leaderboard(rows, best) {
    const extra = ["p_luck", "dsr", "haircut_sharpe"].filter((name) => best.columns.includes(name));
    const named = { p_luck: "p", dsr: "dsr", haircut_sharpe: "haircut" };
    const all = rows.map((row) => flat(row.params ? parse(row.params) : {}));
    const names = [...new Set(all.flatMap(Object.keys))].filter((name) => new Set(all.map((each) => JSON.stringify(each[name]))).size > 1).slice(0, 6);
    return h("div", { class: "scroll" }, h("table", { class: "small beside" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "run"), h("th", { scope: "col" }, "symbol"), [...names, title("sharpe_ratio"), ...extra.map((name) => named[name]), title("total_return"), title("max_drawdown")].map((name) => h("th", { scope: "col", class: "right" }, name)))),
      h("tbody", {}, rows.map((row, place) => h("tr", {},
        h("th", { scope: "row" }, h("a", { href: `/run/${encodeURIComponent(row.run_id)}` }, shortId(row.run_id))), h("td", {}, row.symbol ?? ""),
        names.map((name) => h("td", { class: "right dim" }, text("", all[place][name]))),
        h("td", { class: "right" }, text("sharpe_ratio", row.sharpe_ratio)),
        extra.map((name) => h("td", { class: "right" }, h("b", {}, ratio(row[name])))),
        h("td", { class: "right" }, text("total_return", row.total_return)), h("td", { class: "right" }, text("max_drawdown", row.max_drawdown)))))),
      h("p", { class: "dim" }, "p: how often luck shows one as good. dsr: deflated sharpe ratio. haircut: the sharpe that is left when the search is counted."));
  }

  load();
  return { keys: { Escape: () => history.back() } };
}

/** Where the trials lie, the best of them, and the best that luck alone would bring. */
function trials({ counts, low, high, lowest, highest, runs }, best, luck) {
  if (low === null || runs < 2) return null;
  return spread({ counts, low, high, write: ratio, marks: [[luck, "luck", "by luck"], [best, "best", "best"]],
    caption: `Sharpe ratios of ${many(runs, "trial")}, from ${ratio(lowest)} to ${ratio(highest)}; the outermost half percent at each end stands in the last bar there`,
    label: `Sharpe ratios of the trials; the best ${ratio(best)}, by luck ${ratio(luck)}` });
}

/** The rank out of sample of the best in sample, split by split; and of all trials, rank by rank. */
function ranks({ logits: { edges, splits, by_rank }, pbo }) {
  const share = percent(pbo, { signed: false, digits: 0 });
  return [
    spread({ counts: splits, low: edges[0], high: edges.at(-1), below: 0, write: ratio, height: 140, marks: [[0, "luck", "middle of all trials"]],
      caption: `Where the best of one half ranks in the other, as logits: ${share} of the splits have it at the middle or below (pbo)`,
      label: `Logits of the best in sample out of sample; ${share} at 0 or below` }),
    ranked(by_rank.map(({ rank, ...rest }) => ({ at: rank, ...rest })), { write: ratio, ends: ["worst in one half", "best in one half"],
      caption: "Trials by their rank in one half, and their logits in the other: median and the middle half of them. Where there is something to be found they rise to the right; where there is nothing they are level",
      label: "Logits out of sample by rank in sample" })];
}

/** How the choice in one half of the data did in the other. */
function selection(found) {
  const { pbo, noise, in_sample, out_of_sample, probability_of_loss, splits, rows, rows_dropped } = found;
  return h("section", {}, h("h2", {}, "Chosen in one half, seen in the other"),
    h("p", {}, `Over ${many(splits, "split")} of ${many(rows - rows_dropped, "return")} in two halves, the best of one half had a sharpe (a return) of ${fine(in_sample)} there and of ${fine(out_of_sample)} in the other; it lost in ${percent(probability_of_loss, { signed: false, digits: 0 })} of them, and was in the worse half of all trials in ${percent(pbo, { signed: false, digits: 0 })} (pbo)`,
      noise ? `; nine of ten searches among worthless trials lie between ${percent(noise[0], { signed: false, digits: 0 })} and ${percent(noise[1], { signed: false, digits: 0 })}.` : "."),
    ranks(found));
}
const fine = (value) => (value === null ? "–" : value.toFixed(3).replace("-", "−"));
