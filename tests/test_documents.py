"""Files of run documents: one, many, a list, gzipped, with a curve and trades beside."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from results import POINTS, TRADE, document, write_json, write_lines

from bt_lake.ingest.formats import documents, reading, recognise
from bt_lake.ingest.report import BadRow, IngestStopped
from bt_lake.ingest.run import Run
from bt_lake.warehouse.errors import BadInput, LakeError


def runs(path: Path) -> list[Run | BadRow]:
    assert recognise(path) is documents
    return list(documents.read(path))


def reason(path: Path) -> str:
    (bad,) = runs(path)
    assert isinstance(bad, BadRow)
    return str(bad)


def test_one_document(tmp_path):
    path = write_json(tmp_path / "run.txt", document())
    (run,) = runs(path)
    assert (run.strategy, run.equity, run.trades, run.row) == ("sma_cross", POINTS, [TRADE], None)
    assert run.origin == str(path)
    assert run.columns["symbol"] == "AAPL"


def test_one_document_over_many_lines_and_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "run.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(document(symbol="Ü"), indent=2).encode())
    assert runs(path)[0].columns["symbol"] == "Ü"


@pytest.mark.parametrize("zipped", [False, True])
def test_many_documents(tmp_path, zipped):
    path = write_lines(tmp_path / "runs", [document(symbol=str(n)) for n in range(3)])
    path.write_text(path.read_text().replace("\n", "\n\n", 1))
    if zipped:
        path.write_bytes(gzip.compress(path.read_bytes()))
    found = runs(path)
    assert [(run.columns["symbol"], run.row) for run in found] == [("0", 1), ("1", 3), ("2", 4)]
    assert found[1].origin == f"{path}:3"
    if not zipped:
        assert found[-1].position == path.stat().st_size


def test_a_list_of_documents(tmp_path):
    path = write_json(tmp_path / "runs.json", [document(), 17, document()])
    first, bad, last = runs(path)
    assert (first.row, last.row) == (1, 3)
    assert str(bad) == f"{path}:2: a run document is an object {{...}}, not 17"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_files_beside_a_document(tmp_path, suffix):
    write = pl.DataFrame.write_csv if suffix == "csv" else pl.DataFrame.write_parquet
    write(pl.DataFrame(POINTS), tmp_path / f"equity.{suffix}")
    write(pl.DataFrame([TRADE]), tmp_path / f"deals.{suffix}")
    named = document(equity=f"equity.{suffix}", trades=f"deals.{suffix}")
    (run,) = runs(write_json(tmp_path / "a.json", named))
    assert run.equity["equity"].to_pylist() == POINTS["equity"]
    assert run.trades["pnl"].to_pylist() == [TRADE["pnl"]]
    # A folder with run.json names nothing; the files are of no format by themselves.
    (run,) = runs(write_json(tmp_path / "run.json", document(equity=None)))
    assert run.equity["equity"].to_pylist() == POINTS["equity"]
    assert run.trades == [TRADE]
    assert recognise(tmp_path / f"equity.{suffix}") is None
    assert recognise(tmp_path / f"deals.{suffix}") is None


@pytest.mark.parametrize("write", [pd.DataFrame.to_csv, pd.DataFrame.to_parquet])
def test_files_beside_that_pandas_wrote_with_an_index(lake, tmp_path, write):
    suffix = "csv" if write is pd.DataFrame.to_csv else "parquet"
    days = pd.to_datetime(POINTS["ts"])
    write(pd.DataFrame({"equity": POINTS["equity"]}, index=days), tmp_path / f"equity.{suffix}")
    write(pd.DataFrame([TRADE], index=[7]), tmp_path / f"trades.{suffix}")
    (run_id,) = lake.ingest(write_json(tmp_path / "run.json", {"strategy": "s"})).added
    run = lake.run(run_id)
    assert run.equity["equity"].to_list() == POINTS["equity"]
    assert run.equity["ts"][0] == datetime(2024, 1, 2, tzinfo=UTC)
    assert run.trades["pnl"].to_list() == [TRADE["pnl"]]
    assert run.trades["extra"].to_list() == [None]


@pytest.mark.parametrize(
    "file", ["../secret.csv", "/etc/passwd.csv", "link.csv", "sub/../../x.csv"]
)
def test_a_document_does_not_escape_its_folder(tmp_path, file):
    (tmp_path / "secret.csv").write_text("ts,equity\n2024-01-02,1\n")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    path = write_json(folder / "a.json", document(equity=file))
    assert reason(path) == f"{path}: equity: '{file}' is outside the folder of the document"


def test_what_is_wrong_with_a_document_is_named(tmp_path):
    path = tmp_path / "a.json"
    for content, words in (
        (b'{"strategy": "s", ', "not valid JSON: Expecting property name"),
        (b'{"strategy": "s",\n "symbol": }', "Expecting value at line 2, column 12"),
        (b'{"strategy": "\xff\xfe"}', "not valid UTF-8 at byte 15"),
        (b'{"params": ' + b"[" * 100_000, "not usable JSON: maximum recursion"),
        (b'{"strategy": "s", "bars": ' + b"9" * 5_000 + b"}", "not usable JSON: Exceeds"),
        (
            b'{"stratgy": "s", "symbol": "A", "tags": []}',
            "no column 'stratgy'. Did you mean strategy",
        ),
        (b'{"strategy": "s", "equity": "e.txt"}', "'e.txt' is neither a .parquet nor a .csv"),
        (b'{"strategy": "s", "equity": "e.csv"}', "No such file"),
        (b'{"strategy": "s"} {}', "not valid JSON: Extra data at column 19"),
    ):
        path.write_bytes(content)
        assert words in reason(path)
        assert reason(path).startswith(f"{path}: ")


def test_a_line_that_is_cut_off_says_so_whichever_it_is(tmp_path):
    for number in (1, 2, 3):
        path = write_lines(tmp_path / "a.ndjson", [document()] * 3)
        lines = path.read_bytes().splitlines()
        lines[number - 1] = b'{"strategy": "cut o'
        path.write_bytes(b"\n".join(lines) + b"\n")
        found = runs(path)
        (bad,) = [each for each in found if isinstance(each, BadRow)]
        assert (len(found), bad.row) == (3, number)
        assert bad.reason == "not valid JSON: Unterminated string starting at column 14"


def test_a_bad_line_is_named_and_the_others_are_read(tmp_path):
    path = write_lines(tmp_path / "a.ndjson", [document()] * 3)
    lines = path.read_bytes().splitlines()
    path.write_bytes(
        b"\n".join([lines[0], lines[1][:-9], lines[2], b"[]", b'{"strategy": "\xff"}'])
    )
    good, bad, other, listed, text = runs(path)
    assert isinstance(good, Run) and isinstance(other, Run)
    assert (bad.row, listed.row, text.row) == (2, 4, 5)
    assert bad.reason.startswith("not valid JSON: ")
    assert listed.reason == "a run document is an object {...}, not []"
    assert text.reason == "not valid UTF-8 at byte 15"


def test_other_files_are_of_no_format(tmp_path):
    for name, content in {
        "empty.json": "",
        "package.json": '{"name": "x", "version": "1"}',
        "list.json": "[1, 2, 3]",
        "lists.json": '[[{"strategy": "s"}]]',
        "config.json": '{"symbol": "A", "timeframe": "1d", "cash": 5, "debug": true}',
        "settings.json": '{"editor": {"tags": [], "strategy": "s"}, "status": "x"}',
        "log.jsonl": '{"time": "x", "symbol": "A"}\n' * 3,
        "book.ipynb": '{"cells": [{"outputs": [{"status": "ok"}]}], "metadata": {}}',
        "README.md": "# Results\n",
        "prices.csv": "date,open,high,low,close\n2024-01-02,1,1,1,1\n",
        "binary": "\x00\x01",
    }.items():
        (tmp_path / name).write_text(content)
        assert recognise(tmp_path / name) is None, name


@pytest.mark.parametrize(
    "text",
    [
        '{"my": {"own": 1}, "first": "}", "\\\\": 2, "strategy": "s"}',
        '[{"symbol": "A", "equity": [["2024-01-02", 1]]}]',
        '{"equity": [["2024-01-02", 1',
        '{"name": "x"}\n{"strategy": "s"}',
    ],
)
def test_a_document_is_told_by_its_outermost_keys(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    assert recognise(path) is documents


def test_text_in_a_table_that_is_no_utf8_is_named(lake, tmp_path):
    days = pa.array([b"2024-01-02", b"2024-01-0\xff"]).cast(pa.string(), safe=False)
    pq.write_table(pa.table({"ts": days, "equity": [1.0, 2.0]}), tmp_path / "equity.parquet")
    path = write_json(tmp_path / "run.json", {"strategy": "s"})
    with pytest.raises(IngestStopped, match=r"equity\.parquet: .*Invalid UTF8"):
        lake.ingest(path)


def test_a_line_may_be_only_so_long(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MOST_BYTES", 1 << 20)
    path = tmp_path / "bomb.ndjson.gz"
    path.write_bytes(gzip.compress(b'{"strategy": "s", "notes": "' + b" " * (2 << 20) + b'"}'))
    assert path.stat().st_size < 10_000
    with pytest.raises(BadInput, match=r"bomb.ndjson.gz:1: longer than 1 MiB"):
        runs(path)
    path.write_bytes(gzip.compress(b'{"strategy": "s",\n "notes": "' + b" " * (1 << 20) + b'"}'))
    with pytest.raises(BadInput, match=r"longer than 1 MiB"):
        runs(path)


def test_a_damaged_gzip_is_named(tmp_path):
    path = tmp_path / "runs.gz"
    whole = gzip.compress("".join(json.dumps(document(notes=str(n))) for n in range(999)).encode())
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LakeError, match="the gzip data is cut off or damaged"):
        list(documents.read(path))


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "_BLOCK_BYTES", 1)
    path = write_lines(tmp_path / "runs.ndjson", [document(symbol=str(n)) for n in range(50)])
    found = documents.read(path)
    next(found)
    with path.open("a") as file:
        file.write(json.dumps(document()) + "\n")
    with pytest.raises(BadInput, match=r"changed while it was read; ingest it when its writer"):
        list(found)


@pytest.mark.parametrize("name", ["\ud800.csv", "\0.csv"])
def test_what_cannot_name_a_file_is_refused(tmp_path, name):
    path = write_lines(tmp_path / "runs.ndjson", [document(), document(equity=name)])
    assert "is no name of a file" in str(runs(path)[1])
