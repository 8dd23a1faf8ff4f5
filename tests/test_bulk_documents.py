"""Lines that are read many at once mean what each means by itself, and are refused alike."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from results import POINTS, TRADE, document, write_lines

from bt_lake.ingest.formats import documents
from bt_lake.ingest.formats.bulk import Lines
from bt_lake.ingest.pipeline import ingest
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.store import Store

ODD = [
    *(None, True, -0.0, 1e300, 10**30, 2**53 + 1, float("nan"), float("inf"), "1", "", "a } b ] c"),
    *(
        "2024-01-02",
        "2024-01-02T00:00:00.1234567Z",
        "9999-01-01",
        "é",
        "\\",
        '"',
        "\x7f0",
        "\ud800",
    ),
    *([], {}, [1], {"ts": [1]}, {"equity": {"ts": ["x"]}}, 1_704_153_600, 1_704_153_600_000),
]
SPLICED = [
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b" ", b"\t", b"0", b"-", b"e", b"\x7f"),
    *(b"\xff", b"\x00", b"null", b"NaN", b"Infinity", b'"equity": {', b'"trades": [', b"{}", b"\r"),
    *(b'"pnl": 1, ', b'"ts": [], ', b'"equity": null, ', b'"\x7f0"', b"\xef\xbb\xbf"),
]


def results(path: Path, *, at_once: bool, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ...]:
    """The ids of the runs, which are made of all that they hold, and what is wrong with others."""
    monkeypatch.setattr(documents, "_MOST_ODD", 1_000 if at_once else 0)
    report = ingest(Store(path.parent / "lake"), [path], dry_run=True, on_error="skip")
    return report.added, report.skipped, [str(bad) for bad in report.failed]


def made(rng: random.Random) -> bytes:
    """The line of a document, every third of them odd in some way."""
    days = [f"2024-01-{n + 1:02d}" + rng.choice(["", "T00:00:00Z"]) * (n < 3) for n in range(5)]
    zone = rng.choice(["T10:00:00Z", "T10:00:00+02:00", "", " 10:00"])
    times = rng.choice([days, [f"2024-01-{n + 1:02d}{zone}" for n in range(rng.randint(1, 5))]])
    curve: dict[str, Any] = {"ts": times, "equity": [rng.choice([100, 99.5, 1e2]) for _ in times]}
    if rng.random() < 0.3:
        curve[rng.choice(["cash", "exposure", "benchmark"])] = [rng.random() for _ in times]
    trades = [
        {
            "entry_at": f"2024-01-0{n + 1}{zone}",
            "exit_at": None if rng.random() < 0.2 else f"2024-01-0{n + 2}{zone}",
            "side": rng.choice(["long", "Short", "buy"]),
            "quantity": rng.choice([1, 2.5]),
            "pnl": rng.choice([1, -2.5, None]),
            "symbol": rng.choice(["A", "é", "-"]),
        }
        for n in range(rng.randint(0, 3))
    ]
    whole = {"strategy": "s", "params": {"n": rng.randint(0, 9)}, "equity": curve, "trades": trades}
    if rng.random() < 0.3:
        del whole[rng.choice(["equity", "trades"])]
    spoiled = rng.choice([0, 0, 1, 2])
    if spoiled == 1:
        holder = rng.choice([whole, curve, *trades, times, curve["equity"]])
        name = rng.choice([*(holder if isinstance(holder, dict) else range(len(holder))), "own"])
        if not isinstance(holder, list) or isinstance(name, int):
            holder[name] = rng.choice(ODD)  # type: ignore[call-overload]
    items = list(whole.items())
    rng.shuffle(items)
    spaces = rng.choice([(", ", ": "), (",", ":"), (" , ", " :\t")])
    text = json.dumps(dict(items), ensure_ascii=rng.random() < 0.5, separators=spaces)
    line = text.encode("utf-8", "surrogatepass")
    if spoiled == 2:
        at = rng.randrange(len(line))
        line = line[:at] + rng.choice(SPLICED) + line[at + rng.choice([0, 0, 1, 3]) :]
    return line


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("seed", range(2))
def test_read_at_once_or_one_by_one(tmp_path, monkeypatch, seed):
    rng = random.Random(seed)
    filled = []
    whole = Lines.filled
    monkeypatch.setattr(Lines, "filled", lambda lines: filled.append(whole(lines)) or filled[-1])
    for number in range(12):
        path = tmp_path / f"{number}.ndjson"
        lines = [made(rng) for _ in range(rng.randint(2, 5))]
        first = json.dumps(document(symbol="first")).encode()
        path.write_bytes(b"\n".join([first, *lines]) + b"\n")
        alone = results(path, at_once=False, monkeypatch=monkeypatch)
        assert results(path, at_once=True, monkeypatch=monkeypatch) == alone, path.read_bytes()
    assert True in filled


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (("}]}", '}, {"pnl": 1, "pnl": 2}]}'), "the key 'pnl' stands in it twice"),
        (('"equity": [', '"equity": [1], "equity": ['), "the key 'equity' stands in it twice"),
        (('"equity": [1.0', '"equity": ["1.0"'), r"equity\[0\].equity: .1.0. is not a number"),
        (("[1.0, 2.0]", "[1.0, Inf]"), "not valid JSON: Expecting value"),
        (('"pnl": 5', '"pnl": Inf'), "not valid JSON: Expecting value"),
        (('[{"entry', '[null, {"entry'), r"trades\[0\] is None, not an object"),
        (("2024-01-02", "yesterday"), r"trades\[0\].entry_at: .yesterday. is not a time"),
    ],
)
def test_what_is_wrong_in_a_piece_is_named(tmp_path, spoil, reason):
    good = {
        "strategy": "s",
        "equity": {"ts": ["2024-01-01", "2024-01-03"], "equity": [1.0, 2.0]},
        "trades": [{"entry_at": "2024-01-02", "pnl": 5}],
    }
    path = write_lines(tmp_path / "runs.ndjson", [good, good, good])
    lines = path.read_text().splitlines()
    lines[1] = lines[1].replace(*spoil)
    path.write_text("\n".join(lines))
    with pytest.raises(BadInput, match=rf"runs\.ndjson:2: .*{reason}"):
        ingest(Store(tmp_path / "lake"), [path])


def test_what_only_looks_like_a_curve_stays_where_it_is(tmp_path):
    like = {"equity": {"ts": ["2024-01-01"], "equity": [1.0]}, "trades": [{"pnl": 1}]}
    path = write_lines(tmp_path / "runs.ndjson", [{"config": like, **document()}, document()])
    first, second = documents.read(path)
    assert (first.config, first.equity, first.trades) == (like, POINTS, [TRADE])
    assert second.trades.taken()["pnl"].to_pylist() == [TRADE["pnl"]]


def test_a_file_of_many_blocks_keeps_its_order(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "_BLOCK_BYTES", 1_000)
    path = write_lines(tmp_path / "runs.ndjson", [document(symbol=str(n)) for n in range(50)])
    found = list(documents.read(path))
    assert [(run.columns["symbol"], run.row) for run in found] == [
        (str(n), n + 1) for n in range(50)
    ]
