"""The page beside the same in Dash, in chromium: how long until rows, another order, a filter, a
chosen run are there.

    python bench/page.py [--runs N ... | --full] [--keep FOLDER] [--json FILE]

For each number of runs one lake, made in bulk and compacted; both pages stand on it at once and are
looked at in turn, so that a busy machine is busy for both. A figure is the median of several tries,
taken inside of the browser, from the key or click to the frame that shows what was asked for. Dash
gets libraries of its own under `.venv-peers/`; where they cannot be installed it is left out.
"""

from __future__ import annotations

import argparse
import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import distributions
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode, urlsplit

import pyarrow as pa
import queries_lake
from page_watched import TOKEN, Dash, Ours, Shown, opened, serving_dash, serving_ours
from playwright.sync_api import Page, sync_playwright
from report import Report

from bt_lake.lake import Lake

LIBRARIES = Path(__file__).resolve().parents[1] / ".venv-peers" / "dash"
TRIES, VISITS = 5, 3
# The last is that of the filters, each of which takes its first row away.
ORDERS = ("total_return", "cagr", "win_rate", "calmar_ratio", "sharpe_ratio")
WHERE = "sharpe_ratio < {} and total_trades > 30"
# What the readers of docs/page.md were promised: a quiet machine of two cores, a million runs.
GOALS = {
    "start": "0.5 s, above import duckdb", "script": "150 KB", "first rows": "1.5 s",
    "another order": "0.5 s", "a filter": "0.5 s", "a chosen run": "0.3 s",
    "server, beyond the lake": "30 ms", "browser, beyond the server": "50 ms",
}  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--runs", type=int, nargs="+", default=[1_000])
    options.add_argument("--full", action="store_true", help="1,000 and 1,000,000 runs")
    options.add_argument("--keep", type=Path, help="where lakes are, or are made to be used again")
    options.add_argument("--json", type=Path)
    asked = options.parse_args()
    report = Report("page")
    libraries = dash()
    if libraries is None:
        report.facts["left out"] = {"Dash": "it cannot be installed here"}
    found = distributions(path=[str(libraries)]) if libraries else ()
    wanted = {"dash", "dash-ag-grid", "starlette", "uvicorn"}
    for each in (*found, *distributions()):
        if (name := each.metadata["Name"].lower().replace("_", "-")) in wanted:
            report.versions[name] = each.version
    with tempfile.TemporaryDirectory() as folder:
        for runs in (1_000, 1_000_000) if asked.full else asked.runs:
            lake = (asked.keep or Path(folder)) / f"runs-{runs}"
            if not (lake / "lake.json").exists():
                queries_lake.build(lake, runs, min(runs, 12_500))
            measure(report, lake, runs, libraries)
    report.row("load of a minute, this included", "machine", os.getloadavg()[0], "")
    report.finish(asked.json)


def dash() -> Path | None:
    if not (LIBRARIES / "dash").exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(LIBRARIES)]
        if subprocess.run([*command, "dash", "dash-ag-grid"], capture_output=True).returncode:
            return None
    return LIBRARIES


def measure(report: Report, folder: Path, runs: int, libraries: Path | None) -> None:
    def row(what: str, who: str, values: list[float], unit: str = "s") -> None:
        goal = GOALS.get(what, "") if who == Ours.name else ""
        report.row(f"{runs:,} runs: {what}", who, median(values), unit, goal)

    lake = Lake(folder)
    starts: dict[str, Callable[[], Any]] = {Ours.name: lambda: serving_ours(folder)}
    if libraries is not None:
        starts[Dash.name] = lambda: serving_dash(folder, libraries)
    bare = median(took(importing) for _ in range(3))
    times: dict[str, list[float]] = {who: [] for who in starts}
    for _ in range(3):
        for who, start in starts.items():
            times[who].append(took(lambda start=start: started(start)) - bare)
    for who, values in times.items():
        row("start", who, values)

    with ExitStack() as stack, sync_playwright() as running:
        urls = {who: stack.enter_context(start()) for who, start in starts.items()}
        chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))))
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        kinds: dict[str, type[Shown]] = {Ours.name: Ours, Dash.name: Dash}
        shown: dict[str, Shown] = {}
        visits: dict[str, list[tuple[float, float]]] = {who: [] for who in urls}
        report.versions["chromium"] = browser.version
        for place in range(VISITS + 1):  # the first opens the lake, and does not count
            for who, url in urls.items():
                if who in shown:
                    shown[who].page.context.close()
                shown[who], *visit = opened(browser, kinds[who], url)
                visits[who] += [visit] * (place > 0)
        for who, found in visits.items():
            row("first rows", who, [seconds for seconds, _ in found])
            row("script", who, [size for _, size in found], "KB")
        look(row, lake, shown)
        told(row, lake, urls[Ours.name], shown[Ours.name].page)
        browser.close()


def look(row: Callable[..., None], lake: Lake, shown: dict[str, Shown]) -> None:
    """Orders, filters and runs, each by both pages in turn."""
    seconds: dict[tuple[str, str], list[float]] = {}
    beyond: list[float] = []

    def note(what: str, who: str, found: dict[str, Any]) -> None:
        seconds.setdefault((what, who), []).append(found["took"])
        if who == Ours.name and found["served"] is not None and what != "a chosen run":
            beyond.append((found["took"] - found["served"]) * 1000)

    for metric in ORDERS:
        for who, page in shown.items():
            note("another order", who, page.by(metric, first(lake, metric)))
    last = ORDERS[-1]
    for place in range(TRIES):
        where = WHERE.format(2 - place / 5)
        for who, page in shown.items():
            note("a filter", who, page.filtered(where, first(lake, last, where=where)))
    # Only the oldest runs of a large lake have a curve.
    (newest,) = lake.ask.sql("select max(run_id) from equity").rows()[0]
    where = f"run_id <= '{newest}' and total_trades > 30"
    for page in shown.values():
        page.filtered(where, first(lake, last, where=where))
    ids = lake.ask.runs(sort=last, n=TRIES + 1, where=where, columns=["run_id"]).rows()
    for place, (run_id,) in enumerate(ids[1:], start=1):
        for who, page in shown.items():
            note("a chosen run", who, page.picked(place, run_id))
    for (what, who), values in seconds.items():
        row(what, who, values)
    row("browser, beyond the server", Ours.name, beyond, "ms")


def first(lake: Lake, metric: str, **filters: Any) -> str:
    answer = lake.ask.runs(sort=metric, n=1, columns=["run_id"], **filters)
    return str(answer.rows()[0][0])


def told(row: Callable[..., None], lake: Lake, url: str, page: Page) -> None:
    """What the server adds to the lake's own answer, and JSON beside Arrow for that answer."""
    from bt_lake.page.told import columns
    from bt_lake.page.told import told as as_json
    from bt_lake.page.views import ASKED

    served, alone = [], []
    for place in range(4 * TRIES):
        where = WHERE.format(1.5 + place / 100)
        asked = {"sort": "sharpe_ratio", "n": 200, "where": where}
        answer = lake.ask.runs(sort="sharpe_ratio", n=200, where=where, columns=list(ASKED))
        alone.append(took(answer.rows))
        served.append(took(lambda asked=asked: fetched(url, asked)))
    row("the lake's answer", Ours.name, [value * 1000 for value in alone], "ms")
    beyond = [(there - here) * 1000 for there, here in zip(served, alone, strict=True)]
    row("server, beyond the lake", Ours.name, beyond, "ms")
    body = columns(answer)
    text = as_json(body).body
    row("JSON of it", "made", [took(lambda: as_json(body)) * 1000 for _ in range(20)], "ms")
    parse = (
        "(text) => { const t = performance.now(); JSON.parse(text); return performance.now()-t }"
    )
    row("JSON of it", "read in the browser", [page.evaluate(parse, text.decode())], "ms")
    row("JSON of it", "size", [len(text) / 1000], "KB")
    table = answer.frame().to_arrow()
    row("Arrow of it", "made", [took(lambda: as_arrow(table)) * 1000 for _ in range(20)], "ms")
    row("Arrow of it", "size", [len(as_arrow(table)) / 1000], "KB")


def as_arrow(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def fetched(url: str, asked: dict[str, Any]) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port or 80)
    path = f"/api/runs?{urlencode(asked)}"
    connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 200, body
    return body


def started(start: Callable[[], Any]) -> None:
    with start():
        pass


def importing() -> None:
    subprocess.run([sys.executable, "-c", "import duckdb"], check=True)


def took(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
