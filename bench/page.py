"""The page in chromium: how long until rows, another order, a filter, a chosen run are there.

    python bench/page.py [--runs N | --full] [--keep FOLDER] [--json FILE]

The lake is made in bulk and compacted. Each figure is the median of several tries in one browser
against one server; the first visit has nothing in its cache. Beside the whole stand what the lake's
own answer took (the server tells it) and the kilobytes of script that are sent.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import queries_lake
from playwright.sync_api import Browser, Page, expect, sync_playwright

from bt_lake.lake import Lake

TRIES = 5
TOKEN = "0123456789abcdef0123"
# What PAGE's readers were promised, on a quiet machine of two cores, at a million runs.
BOUNDS = {"script_kb": 150, "first_rows_s": 1.5, "sort_s": 0.5, "filter_s": 0.5, "pick_s": 0.3,
          "start_s": 0.5}  # fmt: skip
ORDERS = ("sharpe", "return", "max dd", "cagr", "calmar")
FILTER = "sharpe_ratio > {} and total_trades > 30"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--runs", type=int, default=1_000)
    options.add_argument("--full", action="store_true", help="1,000,000 runs")
    options.add_argument(
        "--keep", type=Path, help="a folder for the lake, used again if it is there"
    )
    options.add_argument("--json", type=Path)
    asked = options.parse_args()
    runs = 1_000_000 if asked.full else asked.runs
    with tempfile.TemporaryDirectory() as folder:
        lake = asked.keep or Path(folder, "lake")
        if not (lake / "lake.json").exists():
            queries_lake.build(lake, runs, min(runs, 12_500))
        found = measure(lake)
        runs = len(Lake(lake))
    print(f"{runs:,} runs")
    for name, value in found.items():
        bound = f"   (bound {BOUNDS[name]:g})" if name in BOUNDS else ""
        print(f"  {name:<14} {value:8.3f}{bound}")
    if asked.json:
        asked.json.write_text(json.dumps({"runs": runs, **found}))


def measure(lake: Path) -> dict[str, float]:
    found = {
        "start_s": median(starting(lake) for _ in range(3)) - median(importing() for _ in range(3))
    }
    with serving(lake) as base, sync_playwright() as running:
        chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))))
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with visit(browser, base):  # the server's readers have opened the lake then
            pass
        found |= first_visits(browser, base)
        with visit(browser, base) as page:
            found |= looking(page)
        browser.close()
    return found


def importing() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import duckdb"], check=True)
    return time.perf_counter() - began


def starting(lake: Path) -> float:
    began = time.perf_counter()
    with serving(lake):
        return time.perf_counter() - began


@contextmanager
def serving(lake: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bt_lake", "--lake", lake, "page", "--no-open", "--port", "0"],
        env={"BT_LAKE_PAGE_TOKEN": TOKEN, "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


@contextmanager
def visit(browser: Browser, url: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(url)
    page.locator(".table .body .row").first.wait_for()
    yield page
    context.close()


def first_visits(browser: Browser, url: str) -> dict[str, float]:
    times, sizes = [], []
    for _ in range(TRIES):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        sent: list[int] = []
        page.on("response", lambda answer, sent=sent: sent.append(_size(answer)))
        times.append(
            timed(
                lambda page=page: (
                    page.goto(url),
                    page.locator(".table .body .row").first.wait_for(),
                )
            )
        )
        page.wait_for_timeout(300)
        sizes.append(sum(sent) / 1000)
        context.close()
    return {"script_kb": median(sizes), "first_rows_s": median(times)}


def _size(answer) -> int:
    return int(answer.headers.get("content-length", 0)) if answer.url.endswith(".js") else 0


def looking(page: Page) -> dict[str, float]:
    page.wait_for_timeout(1500)
    sorts, filters, picks = [], [], []
    sorting: list[float] = []
    filtering: list[float] = []
    for title in ORDERS:
        heading = page.locator("[role=columnheader] button", has_text=title).first
        sorts.append(answered(page, "/api/runs", lambda h=heading: h.click(), sorting))
        page.wait_for_timeout(800)
    for place in range(TRIES):
        page.fill("#filter", FILTER.format(place / 10))
        filters.append(
            answered(page, "/api/runs", lambda: page.press("#filter", "Enter"), filtering)
        )
        page.wait_for_timeout(800)
    for place in range(TRIES):
        row = page.locator(f".table .body .row[data-place='{place}']")

        def pick(row=row) -> None:
            row.click(position={"x": 300, "y": 10})
            expect(page.locator(".side h2")).to_be_visible()

        picks.append(answered(page, "/api/curve", pick, []))
        page.wait_for_timeout(300)
        page.keyboard.press("Escape")
    return {
        "sort_s": median(sorts),
        "sort_lake_s": median(sorting),
        "filter_s": median(filters),
        "filter_lake_s": median(filtering),
        "pick_s": median(picks),
    }


def answered(page: Page, path: str, act: Callable[[], object], lake: list[float]) -> float:
    """From the act until its answer was drawn: the next frame after it."""
    began = time.perf_counter()
    with page.expect_response(lambda answer: path in answer.url) as found:
        act()
    found.value.finished()
    page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    took = time.perf_counter() - began
    lake.append(found.value.json().get("ms", 0) / 1000)
    return took


def timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
