"""Pages of runs in chromium, timed inside of the browser: from a key or a click to the frame that
shows what was asked for."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Browser, Page

TOKEN = "0123456789abcdef0123"
WINDOW = {"width": 1440, "height": 900}
PATIENCE_MS = 60_000
# Until the function says what is wanted, looked at after each change; then the frame that shows it.
WATCH = """([told, wanted]) => {
  const look = new Function("return " + told);
  window.watched = new Promise((done) => {
    let began = null;
    const start = (event) => { began ??= event.timeStamp; };
    for (const kind of ["click", "keydown"])
      addEventListener(kind, start, { capture: true, once: true });
    performance.clearResourceTimings();
    const watcher = new MutationObserver(() => {
      if (began === null || look() !== wanted) return;
      watcher.disconnect();
      requestAnimationFrame(() => setTimeout(() => {
        const asked = performance.getEntriesByType("resource")
          .find((entry) => entry.name.includes("/api/runs"));
        done({ took: performance.now() - began,
               served: asked ? asked.responseEnd - asked.startTime : null });
      }));
    });
    watcher.observe(document, { subtree: true, childList: true, attributes: true });
  });
}"""


class Shown:
    """A page whose first row and whose curve can be asked for in JavaScript."""

    def __init__(self, page: Page, first: str, drawn: str) -> None:
        self.page, self.first, self.drawn = page, first, drawn

    def timed(self, told: str, wanted: str, act: Callable[[], object]) -> dict[str, Any]:
        """Seconds from the act on until `told` says what is wanted, and those of its request."""
        self.page.evaluate(WATCH, [told, wanted])
        act()
        found: dict[str, Any] = self.page.evaluate("() => window.watched")
        self.page.wait_for_timeout(400)  # what comes after the rows is not in the next figure
        return {name: None if value is None else value / 1000 for name, value in found.items()}

    def by(self, metric: str, run_id: str) -> dict[str, Any]:
        return self.timed(self.first, run_id, lambda: self.sort(metric))

    def filtered(self, where: str, run_id: str) -> dict[str, Any]:
        self.page.fill(self.field, where)
        return self.timed(self.first, run_id, lambda: self.page.press(self.field, "Enter"))

    def picked(self, place: int, run_id: str) -> dict[str, Any]:
        return self.timed(self.drawn, run_id, lambda: self.pick(place))

    field: str

    def sort(self, metric: str) -> None:
        raise NotImplementedError

    def pick(self, place: int) -> None:
        raise NotImplementedError


class Ours(Shown):
    name, field = "bt-lake", "#filter"

    def __init__(self, page: Page) -> None:
        row = "document.querySelector(\".table .body .row[data-place='0'] a\")"
        side = "document.querySelector('.side h2 a')"
        ink = "document.querySelector('.side canvas')"
        super().__init__(
            page,
            f"{row}?.getAttribute('href').split('/').pop()",
            # A canvas is 300 wide until it is drawn.
            f"{ink} && {ink}.width !== 300 && {side}?.getAttribute('href').split('/').pop()",
        )

    def sort(self, metric: str) -> None:
        self.page.locator(f"[role=columnheader][data-name='{metric}'] button").click()

    def pick(self, place: int) -> None:
        self.page.locator(f".row[data-place='{place}'] .right").first.click()


class Dash(Shown):
    name, field = "Dash", "#where"

    def __init__(self, page: Page) -> None:
        super().__init__(
            page,
            "document.querySelector(\".ag-row[row-index='0']\")?.getAttribute('row-id')",
            "document.querySelector('.scatterlayer path') && "
            "document.querySelector('.gtitle')?.textContent",
        )

    def sort(self, metric: str) -> None:
        self.page.locator(f".ag-header-cell[col-id={metric}] .ag-header-cell-label").click()

    def pick(self, place: int) -> None:
        self.page.locator(f".ag-row[row-index='{place}'] [col-id=symbol]").click()


def opened(browser: Browser, kind: type[Shown], url: str) -> tuple[Shown, float, float]:
    """A first visit, nothing in the cache: the page, seconds until rows, kilobytes of script."""
    page = browser.new_context(viewport=WINDOW).new_page()
    page.set_default_timeout(PATIENCE_MS)
    sent: list[int] = []
    page.on("response", lambda answer: sent.append(_script(answer)))
    shown = kind(page)
    began = time.perf_counter()
    page.goto(url)
    page.wait_for_function(f"() => {shown.first}")
    took = time.perf_counter() - began
    page.wait_for_timeout(600)
    return shown, took, sum(sent) / 1000


def _script(answer: Any) -> int:
    if not answer.url.partition("?")[0].endswith(".js"):
        return 0
    return int(answer.headers.get("content-length") or len(answer.body()))


@contextmanager
def serving_ours(lake: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "bt_lake", "--lake", lake, "page", "--no-open", "--port", "0"]
    process = subprocess.Popen(
        command,
        env={"BT_LAKE_PAGE_TOKEN": TOKEN, "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


@contextmanager
def serving_dash(lake: Path, libraries: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, Path(__file__).parent / "peers" / "dash_page.py", lake, str(port)],
        env={"PYTHONPATH": str(libraries), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/"
    try:
        while not _answers(url):
            if process.poll() is not None:
                raise SystemExit("Dash does not start: run bench/peers/dash_page.py by hand")
            time.sleep(0.01)
        yield url
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urlopen(url):
            return True
    except (URLError, ConnectionError):
        return False
