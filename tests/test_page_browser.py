"""The page in a browser: Debian's chromium, driven by playwright, against a real server."""

from __future__ import annotations

import random
import re
import shutil
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate, product
from pathlib import Path

import pytest
from cli_lake import run_id
from page_server import TOKEN, Server, server

from bt_lake.ingest.saving import save
from bt_lake.lake import Lake
from bt_lake.warehouse.store import Store

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
pytest_plugins = ["page_fixtures"]

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium here: apt-get install chromium"
)
expect.set_options(timeout=10_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with playwright.sync_playwright() as running:
        made = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


class Tab:
    """A tab whose script must not fail: what goes wrong in it fails the test."""

    def __init__(self, browser, at: Server, **options) -> None:
        options.setdefault("viewport", {"width": 1300, "height": 800})
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", self._said)
        self.base = at.base

    said = "a status of 4"  # a refused question is told on the page as well

    def _said(self, message) -> None:
        if message.type == "error" and self.said not in message.text:
            self.wrong.append(message.text)

    def open(self, path: str):
        self.page.goto(f"{self.base}{path}{'&' if '?' in path else '?'}token={TOKEN}")
        return self.page

    def close(self) -> None:
        self.context.close()
        assert self.wrong == []


@pytest.fixture
def tab(browser, page: Server) -> Iterator[Tab]:
    made = Tab(browser, page)
    yield made
    made.close()


def row(page, number: int):
    return page.locator(f".table .body .row[data-place='{number}']")


def cells(page, number: int) -> list[str]:
    return [text.strip() for text in row(page, number).locator("[role=gridcell]").all_inner_texts()]


@pytest.mark.slow
def test_runs_are_sorted_filtered_and_gone_back_to(tab: Tab):
    page = tab.open("/runs")
    assert "token" not in page.url
    expect(page.locator(".foot")).to_contain_text("9 loaded of 9 runs")
    page.click("[role=columnheader] >> text=sharpe")
    expect(row(page, 0)).to_contain_text("6.40")
    page.click("[role=columnheader] >> text=sharpe")
    expect(row(page, 0)).to_contain_text("−1.50")
    page.fill("#filter", "total_trades > 30")
    page.press("#filter", "Enter")
    expect(page.locator(".foot")).to_contain_text("3 loaded of 3 that fit, of 9 runs")
    assert "where=total_trades" in page.url and "order=asc" in page.url
    expect(row(page, 0)).to_contain_text("2.00")
    page.go_back()
    expect(row(page, 0)).to_contain_text("−1.50")
    page.click(".facets label:has-text('rsi')")
    expect(page.locator(".foot")).to_contain_text("1 loaded of 1 that fit")
    page.click(".chip")
    expect(page.locator(".foot")).to_contain_text("9 loaded of 9 runs")


@pytest.mark.slow
def test_a_wrong_filter_is_said_under_it_and_the_rows_stay(tab: Tab):
    page = tab.open("/runs?where=sharp+%3E+1")
    expect(page.locator("#filter-error")).to_contain_text("there is no column 'sharp' here")
    page.fill("#filter", "")
    page.press("#filter", "Enter")
    expect(page.locator("#filter-error")).to_be_hidden()
    expect(page.locator(".foot")).to_contain_text("9 loaded")
    page.fill("#filter", "nope")
    page.press("#filter", "Enter")
    expect(page.locator("#filter-error")).to_be_visible()
    assert row(page, 0).is_visible()


@pytest.mark.slow
def test_what_is_chosen_is_drawn_beside_and_stands_in_the_address(tab: Tab):
    page = tab.open(f"/runs?show={run_id(7)}")
    expect(page.locator(".side h2")).to_contain_text("sma_cross WAVE")
    expect(page.locator(".side canvas")).to_have_count(2)
    page.click(".close")
    expect(page.locator(".side")).to_be_hidden()
    row(page, 0).locator("input").check()
    row(page, 1).locator("input").check()
    expect(page.locator(".side h2")).to_contain_text("2 runs")
    assert page.url.count("%2C") == 1
    page.reload()
    expect(page.locator(".side h2")).to_contain_text("2 runs")


@pytest.mark.slow
def test_by_the_keyboard_alone(tab: Tab):
    page = tab.open("/runs?sort=sharpe_ratio")
    expect(row(page, 0)).to_be_visible()
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    expect(page.locator(".side h2")).to_contain_text("2 runs")
    page.keyboard.press("c")
    expect(page.locator("h1")).to_have_text("2 runs compared")
    page.go_back()
    expect(row(page, 0)).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("sma_cross WAVE")
    page.keyboard.press("Control+k")
    page.keyboard.type("rsi")
    expect(page.locator(".search li")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("rsi WAVE")
    page.keyboard.press("?")
    expect(page.locator("dialog.help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog.help")).to_have_count(0)
    page.go_back()
    page.go_back()
    expect(row(page, 0)).to_be_visible()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "filter"


VIEWS = [
    "/runs", f"/run/{run_id(7)}", f"/run/{run_id(8)}", f"/compare?runs={run_id(7)},{run_id(3)}",
    "/sweep", "/sweep/sma_cross", "/sweep/sma_cross?x=fast&metric=my_score", "/overfit?strategy=sma_cross",
    "/lake", "/new",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("width", [1300, 380])
def test_every_view_fits_its_window(browser, page: Server, width: int):
    tab = Tab(browser, page, viewport={"width": width, "height": 800}, color_scheme="dark")
    for path in VIEWS:
        shown = tab.open(path)
        expect(shown.locator("#view h1, #view h2, #view .table .body .row").first).to_be_visible()
        for part in ("document.documentElement", "document.querySelector('#view')"):
            assert shown.evaluate(f"{part}.scrollWidth <= innerWidth"), path
        ground = shown.evaluate("getComputedStyle(document.body).backgroundColor")
        assert max(map(int, re.findall(r"\d+", ground))) < 60
    tab.close()


@pytest.mark.slow
def test_the_light_is_turned_and_remembered(tab: Tab):
    page = tab.open("/runs")
    page.click("button:has-text('Dark')")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.reload()
    expect(page.locator("button:has-text('Light')")).to_be_visible()


@pytest.mark.slow
def test_hostile_texts_are_shown_and_do_nothing(tab: Tab, page: Server):
    found = page.get("search", q="<img")
    hostile = found["data"][found["columns"].index("run_id")][0]
    for path in (f"/runs?show={hostile}", f"/run/{hostile}", "/sweep", "/overfit",
                 f"/compare?runs={hostile},{run_id(3)}"):  # fmt: skip
        shown = tab.open(path)
        expect(shown.get_by_text("<img src=x").first).to_be_attached()
        assert shown.evaluate("window.owned") is None
        assert shown.locator("img").count() == 0


@pytest.mark.slow
def test_an_unknown_strategy_is_said_to_have_no_runs(tab: Tab):
    page = tab.open("/sweep/nobody")
    expect(page.locator("#view")).to_contain_text("There is no run of this strategy.")
    page.click("#view a")
    expect(page.locator("#view")).to_contain_text("sma_cross")


@pytest.mark.slow
def test_an_unknown_run_offers_near_ones(tab: Tab):
    page = tab.open(f"/run/{run_id(99)}")
    expect(page.locator("h1")).to_have_text("No such run")
    page.locator(".empty li a").first.click()
    expect(page.locator(".page.run header h1")).to_be_visible()
    expect(tab.open("/nope").locator("body")).to_contain_text("/nope")


@pytest.fixture(scope="module")
def grid_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a lake of one strategy over a grid, each run with a curve."""
    lake, rng = Lake(tmp_path_factory.mktemp("grid") / "lake", wait=0), random.Random(3)
    days = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(100)]
    with lake.batch() as batch:
        for fast, slow in product((5, 10, 20), (50, 80, 120, 200)):
            moves = [rng.gauss(0.0004 * fast, 0.01) for _ in days[1:]]
            equity = list(accumulate(moves, lambda v, move: v * (1 + move), initial=1000.0))
            curve = {"ts": days, "equity": equity}
            batch.save(strategy="grid", params={"fast": fast, "slow": slow}, equity=curve)
    with server(lake.store.layout.root, "--read-only") as running:
        yield running


@pytest.mark.slow
def test_a_range_of_an_axis_leads_to_the_runs_within(browser, grid_page: Server):
    tab = Tab(browser, grid_page)
    page = tab.open("/sweep/grid")
    lines = page.get_by_role("img", name="12 runs over fast, slow, sharpe")
    expect(lines).to_be_visible()
    lines.scroll_into_view_if_needed()
    edge = lines.bounding_box()
    page.mouse.move(edge["x"] + 64, edge["y"] + 25)
    page.mouse.down()
    page.mouse.move(edge["x"] + 64, edge["y"] + 215)  # fast 10 and 20, not 5
    page.mouse.up()
    expect(page.locator(".told")).to_contain_text("8 of 12 runs, the best with sharpe")
    page.click(".told a")
    expect(page.locator(".foot")).to_contain_text("8 loaded of 8 that fit, of 12 runs")
    assert "fast%3E%3D10" in page.url
    page.go_back()
    expect(lines).to_be_visible()
    tab.close()


@pytest.mark.slow
def test_a_zoom_of_a_long_curve_fetches_finer_points(browser, tmp_path: Path):
    start = datetime(2024, 1, 1, tzinfo=UTC)
    curve = {
        "ts": [start + timedelta(minutes=n) for n in range(6000)],
        "equity": [1000.0 + n * 7919 % 997 for n in range(6000)],
    }
    lake = Lake(tmp_path / "lake", wait=0)
    saved = lake.save(strategy="minutes", equity=curve)
    with server(lake.store.layout.root, "--read-only") as running:
        tab = Tab(browser, running)
        page = tab.open(f"/run/{saved}")
        chart = page.get_by_role("img", name="Equity", exact=True)
        expect(chart).to_be_visible()
        edge = chart.bounding_box()
        page.mouse.move(edge["x"] + 300, edge["y"] + 100)
        page.mouse.down()
        with page.expect_response(lambda answer: "from=" in answer.url) as found:
            page.mouse.move(edge["x"] + 400, edge["y"] + 100)
            page.mouse.up()
        (part,) = found.value.json()["curves"]
        assert part["within"] == len(part["ts"]) < 1000
        shown = "() => document.querySelector('[aria-label=Equity]').chart.series[0].ts.length"
        page.wait_for_function(f"({shown})() === {part['within']}")
        page.mouse.dblclick(edge["x"] + 300, edge["y"] + 100)
        page.wait_for_function(f"({shown})() > 1500")
        tab.close()


@pytest.mark.slow
def test_values_beyond_the_commonest_are_found(browser, tmp_path: Path):
    lake = Lake(tmp_path / "lake", wait=0)
    with lake.batch() as batch:
        for n in range(45):
            batch.save(strategy="s", symbol=f"SYM{n:02d}")
    with server(lake.store.layout.root, "--read-only") as running:
        tab = Tab(browser, running)
        page = tab.open("/runs")
        symbols = page.locator("details[data-label=symbol]")
        expect(symbols.locator("label")).to_have_count(30)
        page.get_by_label("Find a symbol").fill("m4")
        expect(symbols.locator("label")).to_have_count(5)
        symbols.locator("label", has_text="SYM44").click()
        expect(page.locator(".foot")).to_contain_text("1 loaded of 1 that fit, of 45 runs")
        assert "symbol=SYM44" in page.url
        tab.close()


@pytest.mark.slow
def test_a_range_of_an_oddly_named_parameter_is_kept(browser, tmp_path: Path):
    lake = Lake(tmp_path / "lake", wait=0)
    with lake.batch() as batch:
        for n in range(20):
            batch.save(strategy="s", params={"stop %": n})
    with server(lake.store.layout.root, "--read-only") as running:
        tab = Tab(browser, running)
        page = tab.open("/runs?sort=param.stop+%25")
        edge = page.locator(".bars").bounding_box()
        page.mouse.move(edge["x"] + 1, edge["y"] + 20)
        page.mouse.down()
        page.mouse.move(edge["x"] + edge["width"] / 2, edge["y"] + 20)
        page.mouse.up()
        expect(page.locator(".foot")).to_contain_text("10 loaded of 10 that fit, of 20 runs")
        assert page.input_value("#filter").startswith('param."stop %" <=')
        tab.close()


@pytest.mark.slow
def test_with_a_run_beside_its_row_is_marked_and_numbers_come_first(tab: Tab):
    page = tab.open("/runs?sort=sharpe_ratio")
    heads = page.locator("[role=columnheader]")
    expect(row(page, 0)).to_be_visible()
    before = heads.all_inner_texts()
    page.goto(f"{page.url}&show={row(page, 1).locator('a').get_attribute('href').split('/')[-1]}")
    expect(page.locator(".row.current")).to_have_attribute("data-place", "1")
    assert sorted(heads.all_inner_texts()) == sorted(before)
    assert heads.all_inner_texts().index("sharpe ↓") < heads.all_inner_texts().index("fast")
    page.keyboard.press("Escape")
    expect(page.locator(".side")).to_be_hidden()
    assert heads.all_inner_texts() == before


@pytest.mark.slow
def test_what_is_judged_is_drawn(browser, grid_page: Server):
    tab = Tab(browser, grid_page)
    page = tab.open("/overfit?strategy=grid")
    for name in (
        "Sharpe ratios of the trials",
        "Logits of the best in sample",
        "Logits out of sample by rank",
    ):
        expect(page.get_by_role("img", name=name)).to_be_visible(timeout=60_000)
    assert page.locator("circle.middle").count() == 12
    page.locator("tbody a").first.click()
    expect(page.get_by_role("img", name="Returns: mean")).to_be_visible()
    tab.close()


def test_without_its_token_the_page_says_what_to_do(browser, page: Server):
    shown = browser.new_context().new_page()
    shown.goto(f"{page.base}/runs?token=wrong")
    expect(shown.locator("h1")).to_have_text("This page needs its token")


@pytest.mark.slow
def test_an_empty_lake_says_how_to_fill_it_and_fills(browser, tmp_path: Path):
    with server(tmp_path / "lake") as running:
        tab = Tab(browser, running)
        page = tab.open("/runs")
        expect(page.locator(".empty h1")).to_have_text("No runs yet")
        expect(page.locator(".empty pre")).to_have_count(3)
        expect(page.locator("#live")).to_have_text("live")
        save(Store(tmp_path / "lake"), {"strategy": "first", "metrics": {"sharpe_ratio": 1.0}})
        expect(row(page, 0)).to_contain_text("first", timeout=5000)
        tab.close()


@pytest.mark.slow
def test_a_damaged_lake_is_no_fault_of_the_filter_and_is_looked_at(
    browser, made_lake: Path, tmp_path: Path
):
    lake = shutil.copytree(made_lake, tmp_path / "lake")
    for file in (lake / "runs").rglob("*.parquet"):
        file.write_bytes(b"PAR1 nothing PAR1")
    with server(lake, "--read-only") as running:
        tab = Tab(browser, running)
        tab.said = "a status of 5"
        page = tab.open("/runs")
        expect(page.locator("#filter-error")).to_contain_text("bt-lake check")
        assert page.locator("#filter[aria-invalid]").count() == 0
        page.click("#filter-error a")
        expect(page.locator("#view")).to_contain_text("The lake is damaged.")
        expect(page.locator("#view li").first).to_be_visible()
        tab.close()


@pytest.mark.slow
def test_two_pages_see_what_one_of_them_and_others_do(browser, own_page: Server, tmp_path: Path):
    one, two = Tab(browser, own_page), Tab(browser, own_page)
    first, second = one.open(f"/runs?show={run_id(7)}"), two.open("/runs")
    expect(first.locator("#live")).to_have_text("live")
    expect(second.locator("#live")).to_have_text("live")
    save(Store(tmp_path / "lake"), {"strategy": "from elsewhere"})
    for each in (first, second):
        expect(row(each, 0)).to_contain_text("from elsewhere", timeout=5000)
    first.click(".side button:has-text('Tag')")
    first.fill("dialog input", "seen")
    first.click("dialog button.main")
    expect(second.locator(".tag:has-text('seen')")).to_be_visible(timeout=5000)
    first.click(".side button:has-text('Delete')")
    first.click("dialog button.danger")
    expect(second.locator(".foot")).to_contain_text("8 loaded of 8", timeout=5000)
    one.close()
    two.close()


@pytest.mark.slow
def test_a_server_that_is_gone_is_said_and_found_again(browser, made_lake: Path, tmp_path: Path):
    lake = shutil.copytree(made_lake, tmp_path / "lake")
    with server(lake) as running:
        port = running.port
        tab = Tab(browser, running)
        page = tab.open("/runs")
        expect(page.locator("#live")).to_have_text("live")
        running.process.kill()
        running.process.wait()
        expect(page.locator("#lost")).to_contain_text("does not answer")
    save(Store(lake), {"strategy": "meanwhile"})
    with server(lake, port=port):
        expect(page.locator("#lost")).to_be_hidden()
        expect(row(page, 0)).to_contain_text("meanwhile")
        tab.context.close()  # its failed requests are no fault


# The last of them waits until somebody has seen others.
CODE = """
    import pathlib, time
    def run(n: int, m: int = 1):
        while n * m == 300 and not pathlib.Path("seen").exists():
            time.sleep(0.01)
        return {"metrics": {"sharpe_ratio": n * m / 100}}
"""


@pytest.mark.thorough
def test_a_sweep_of_300_runs_is_watched_to_its_end(browser, tmp_path: Path, monkeypatch):
    (tmp_path / "mine.py").write_text(textwrap.dedent(CODE))
    monkeypatch.chdir(tmp_path)
    with server(tmp_path / "lake", "--allow", "mine.py:run") as running:
        tab, watching = Tab(browser, running), Tab(browser, running)
        page, table = tab.open("/new?target=mine.py:run"), watching.open("/runs")
        page.fill(".field:has-text('n') >> nth=0 >> input[type=text]", "1:30:1")
        page.fill(".field:has-text('m') >> nth=-1 >> input[type=text]", "1:10:1")
        page.click("form button.main")
        foot = table.locator(".foot span").first
        expect(foot).to_contain_text(re.compile("loaded of [1-9]"), timeout=30_000)
        assert int(re.sub(r"\D", "", foot.inner_text().split("of")[1])) < 300
        (tmp_path / "seen").touch()
        expect(page.locator(".job .state")).to_have_text("ended", timeout=60_000)
        expect(page.locator(".job")).to_contain_text("300 of 300 runs are in the lake")
        expect(page.locator(".job")).to_contain_text("best sharpe 3.00 (n 30, m 10)")
        expect(table.locator(".foot")).to_contain_text("of 300 runs", timeout=5000)
        page.click(".job >> text=Its runs")
        expect(row(page, 0)).to_contain_text("3.00")
        tab.close()
        watching.close()
