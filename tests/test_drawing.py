"""Pictures: scales, what is left of many points, and that labels are text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bt_lake.drawing import charts
from bt_lake.drawing.cells import Axis, Cells
from bt_lake.drawing.heatmap import heatmap
from bt_lake.drawing.picture import Dot, Line, Picture, Rect, Text
from bt_lake.drawing.scales import Linear, Log, Time
from bt_lake.drawing.stacking import stacked, titled
from bt_lake.drawing.theme import INK, SERIES
from bt_lake.drawing.thinning import thinned
from bt_lake.warehouse.errors import BadInput, CannotWrite
from bt_lake.wording.values import tick, tick_share

HOSTILE = "<img src=x onerror=alert(1)>&\"'\x00\x1b[31m\u202e]]>\ud800"
DAY = 86_400_000_000
SVG = "{http://www.w3.org/2000/svg}"


def micros(*day: int) -> int:
    return int(datetime(*day, tzinfo=UTC).timestamp() * 1e6)


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(2, 12))
def test_ticks_are_round_few_and_within(low: float, span: float, most: int):
    scale = Linear(low, low + span, 0, 100)
    ticks = scale.ticks(most)
    assert len(ticks) <= most + 1
    room = span * 1e-6 + abs(low) * 1e-12
    assert all(low - room <= each <= low + span + room for each in ticks)


def test_a_log_scale_gives_equal_growth_equal_room():
    scale = Log(1, 100, 0, 200)
    assert scale(10) == pytest.approx(100)
    assert scale.ticks() == [1, 3, 10, 30, 100]
    assert len(Log(97, 104, 0, 200).ticks()) > 1


@pytest.mark.parametrize(
    ("first", "last", "labels"),
    [
        ((2019, 1, 1), (2024, 12, 31), ["2019", "2020", "2021", "2022", "2023", "2024"]),
        ((2024, 1, 1), (2024, 12, 31), ["2024-01", "2024-04", "2024-07", "2024-10"]),
        ((2024, 1, 1), (2024, 1, 5), ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"]),
        ((1970, 1, 1), (2024, 1, 1), ["1970", "1977", "1984", "1991", "1998", "2005", "2012", "2019"]),
        ((2024, 1, 1, 9), (2024, 1, 1, 16), ["09:00", "10:00", "11:00", "12:00", "13:00", "14:00", "15:00", "16:00"]),
    ],
)  # fmt: skip
def test_times_are_labelled_as_people_do(first, last, labels):
    found = [label for _, label in Time(micros(*first), micros(*last), 0, 900).ticks()]
    assert found == labels


@given(arrays(np.float64, st.integers(2, 400), elements=st.floats(-1e6, 1e6)), st.integers(1, 40))
def test_thinning_keeps_every_extreme_of_every_column(y: np.ndarray, columns: int):
    x = np.arange(y.size) * 3.0
    kept = thinned(x, y, columns)
    assert kept[0] == 0 and kept[-1] == y.size - 1
    assert (np.diff(kept) > 0).all() and kept.size <= max(
        4 * columns, y.size if y.size <= 4 * columns else 0
    )
    column = np.minimum(x / x[-1] * columns, columns - 1).astype(int)
    for each in np.unique(column):
        inside = kept[column[kept] == each]
        assert y[inside].min() == y[column == each].min()
        assert y[inside].max() == y[column == each].max()


def drawn_path(svg: str) -> list[tuple[float, float]]:
    """What a browser makes of the relative steps."""
    root = ElementTree.fromstring(svg)
    path = next(e for e in root.iter(f"{SVG}path") if e.get("fill") == "none")
    steps = np.array(re.findall(r"-?(?:\d+\.?\d*|\.\d+)", path.get("d") or ""), float)
    return np.cumsum(steps.reshape(-1, 2), axis=0).tolist()


@given(st.lists(st.tuples(st.floats(-999, 999), st.floats(-999, 999)), min_size=2, max_size=30))
def test_a_line_goes_where_it_is_told(points):
    made = Picture("line", 10, 10)
    made.add(Line(points, INK))
    assert np.allclose(drawn_path(made.svg(alone=False)), points, atol=0.0501)


def everything(name: str) -> list[Picture]:
    """A picture of each kind, with a name wherever one can stand."""
    x, y = np.arange(5) * DAY, np.array([1.0, 2.0, np.nan, 0.5, 3.0])
    cells = Cells(Axis(name, [name, 2]), Axis(name, [1, name]), [[1.0, None], [-3.0, 0.0]], str)
    many = [charts.Series(name, x, y + n) for n in range(12)]
    parts = [
        charts.lines(name, many, show=tick, bands=[charts.Band(x[1], x[2], name)]),
        charts.lines(name, many[:1], show=tick_share, log=True),
        charts.lines(name, many[:1], show=tick, base=0.0, filled=True, dates=False),
        charts.bars(name, [name, "b"], [1.0, -2.0], show=tick, axis=name),
        charts.distribution(name, y, show=tick, marks=[(2.0, name), (9.0, name)]),
        charts.scatter(name, [(1, 2, name), (1, 2, name)], across=(name, tick), up=(name, tick)),
        heatmap(name, cells),
        heatmap(name, Cells(cells.down, cells.across, cells.cells, str, signed=True)),
    ]
    return [*parts, titled(stacked(name, parts, [name] * len(parts)), name)]


def test_every_label_is_text_and_every_picture_well_formed(tmp_path: Path):
    for made in everything(HOSTILE):
        for text in (made.svg(), made.svg(alone=False)):
            root = ElementTree.fromstring(text)
            kinds = {element.tag.removeprefix(SVG) for element in root.iter()}
            assert kinds <= {"svg", "title", "style", "rect", "circle", "path", "text"}
            assert not any(name.startswith("on") for e in root.iter() for name in e.attrib)
        page = made.html()
        assert "<img" not in page and "\x1b" not in page
        made.save(tmp_path / "x.svg")


def test_nothing_and_one_value_can_be_drawn():
    nothing = np.zeros(0)
    for made in (
        charts.lines("", [charts.Series("a", nothing, nothing)], show=tick),
        charts.lines("", [], show=tick),
        charts.lines("", [charts.Series("a", np.array([5.0]), np.array([1.0]))], show=tick),
        charts.lines(
            "", [charts.Series("a", np.arange(3.0), np.full(3, np.nan))], show=tick, log=True
        ),
        charts.bars("", [], [], show=tick),
        charts.bars("", ["a"], [None], show=tick),
        charts.distribution("", nothing, show=tick),
    ):
        ElementTree.fromstring(made.svg())


def test_a_picture_stays_within_itself():
    for made in everything("a name"):
        for shape in made.shapes:
            if isinstance(shape, Text):
                size = charts.width_of(shape.text, shape.size)
                start = shape.x - size * {"start": 0, "middle": 0.5, "end": 1}[shape.anchor]
                assert start >= -1 and start + size <= made.width + 1, shape
            if isinstance(shape, Rect | Dot):
                assert -1 <= shape.x <= made.width and -1 <= shape.y <= made.height, shape


def test_the_colours_follow_the_theme():
    made = Picture("p", 10, 10)
    made.add(Rect(0, 0, 1, 1, SERIES[0]), Rect(0, 0, 1, 1, (255, 0, 0)))
    text = made.svg()
    assert f'class="bt-f-s1" fill="{SERIES[0].light}"' in text and 'fill="#ff0000"' in text
    assert "prefers-color-scheme:dark" in text and f"--bt-s1:{SERIES[0].dark}" in text
    assert "<style>" not in made.svg(alone=False)


def test_svg_and_html_files(tmp_path: Path):
    made = Picture("a <title>", 200, 100)
    made.add(Rect(0, 0, 10, 10, INK, "tip & more"), Text(5, 50, "x < y", bold=True))
    root = ElementTree.parse(made.save(tmp_path / "p.svg")).getroot()
    texts = [e.text for e in root.iter() if e.text and e.text.strip() and "style" not in e.tag]
    assert texts == ["a <title>", "tip & more", "x < y"]
    page = made.save(tmp_path / "p.html").read_text("utf-8")
    assert page.startswith("<!doctype html>") and made.svg(alone=False) in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    with pytest.raises(BadInput, match=r"\.svg, \.html"):
        made.save(tmp_path / "p.gif")
    with pytest.raises(CannotWrite, match="No such file"):
        made.save(tmp_path / "nowhere" / "p.svg")


def test_axes_say_no_more_digits_than_there_are():
    assert [tick(v) for v in (0.0, -0.0, 1e6, 0.30000000000000004)] == [
        "0",
        "0",
        "1,000,000",
        "0.3",
    ]
    assert [tick_share(v) for v in (0.1 + 0.2, -0.0, -0.025)] == ["30%", "0%", "-2.5%"]
