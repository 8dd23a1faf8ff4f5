"""Watching takes in what appears, once it has stopped growing."""

from __future__ import annotations

import itertools

import pytest
from results import document, write_json, write_lines

from bt_lake.ingest import watching
from bt_lake.ingest.report import IngestStopped


@pytest.fixture
def steps(monkeypatch):
    """What happens at each look, in place of the time between them."""
    happenings: list = []
    monkeypatch.setattr(watching.time, "sleep", lambda seconds: happenings.pop(0)())
    return happenings


class End(Exception):
    pass


def end():
    raise End


def reports(store, folder, **options) -> list:
    seen = []
    with pytest.raises(End):
        for report in watching.watch(store, [folder], **options):
            seen.append((len(report.added), len(report.skipped), len(report.failed)))
    return seen


def test_files_are_taken_once_they_rest(store, rows, tmp_path, steps):
    folder = tmp_path / "in"
    first = write_lines(folder / "a.ndjson", [document(symbol="A")])

    def grow() -> None:
        with first.open("a") as file:
            file.write(first.read_text().replace('"A"', '"B"'))

    steps += [
        lambda: None,  # a.ndjson is new, then it rests: one run
        grow,  # it grows, then it rests: one run more
        lambda: None,
        lambda: write_json(folder / "b.json", document(symbol="C")),
        lambda: None,
        lambda: None,
        end,
    ]
    assert reports(store, folder) == [(1, 0, 0), (1, 1, 0), (1, 0, 0)]
    assert rows("select count(*) from runs") == [(3,)]


def test_a_bad_file_is_told_once(store, tmp_path, steps):
    write_json(tmp_path / "in/a.json", {"symbol": "A"})
    steps += [*itertools.repeat(lambda: None, 4), end]
    assert reports(store, tmp_path / "in", on_error="skip") == [(0, 0, 1)]
    steps += [lambda: None]
    with pytest.raises(IngestStopped):
        next(watching.watch(store, [tmp_path / "in"]))
