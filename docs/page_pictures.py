"""Make the pictures of docs/page.md in chromium: `python docs/page_pictures.py`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

from bt_lake.lake import Lake

FOLDER = Path(__file__).with_name("page")
TOKEN = "0123456789abcdef0123"
WIDE, NARROW = {"width": 1120, "height": 660}, {"width": 390, "height": 660}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))))
    with tempfile.TemporaryDirectory() as folder:
        lake = Path(folder, "demo-lake")
        subprocess.run(
            [sys.executable, "-m", "bt_lake", "--lake", lake, "demo"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        best = Lake(lake).best("sharpe_ratio", 3, strategy="sma_cross")["run_id"].to_list()
        views = {
            "runs": f"/runs?sort=sharpe_ratio&show={best[0]}",
            "run": f"/run/{best[0]}",
            "compare": f"/compare?runs={','.join(best)}",
            "sweep": "/sweep/sma_cross?x=fast&y=slow",
            "overfit": "/overfit?strategy=sma_cross",
            "new": "/new?target=bt_lake.examples.sma_cross:run",
            "lake": "/lake",
        }
        with serving(lake) as base, sync_playwright() as running:
            browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for look, names in (
                ("light", views),
                ("dark", ("runs", "overfit")),
                ("narrow", ("runs", "run", "sweep")),
            ):
                context = browser.new_context(
                    viewport=NARROW if look == "narrow" else WIDE,
                    color_scheme="dark" if look == "dark" else "light",
                )
                page = context.new_page()
                for name in names:
                    address = (
                        "/runs?sort=sharpe_ratio"
                        if (name, look) == ("runs", "narrow")
                        else views[name]
                    )
                    page.goto(f"{base}{address}{'&' if '?' in address else '?'}token={TOKEN}")
                    page.wait_for_load_state("load")
                    page.locator("#view h1, .table .body .row, .side canvas").first.wait_for()
                    if name == "overfit":
                        page.locator(".verdict").wait_for(timeout=120_000)
                    page.wait_for_timeout(1500)
                    suffix = "" if look == "light" else f"-{look}"
                    page.screenshot(path=FOLDER / f"{name}{suffix}.png")
                context.close()
            browser.close()


@contextmanager
def serving(lake: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bt_lake", "--lake", lake.name, "page", "--no-open", "--port", "0",
         "--allow", "bt_lake.examples.sma_cross:run"],
        env={**os.environ, "BT_LAKE_PAGE_TOKEN": TOKEN},
        cwd=lake.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process.stdout.readline().partition("/?")[0]
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
