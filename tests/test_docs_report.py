"""docs/report.md: each of its pictures is made, there, and small; each command is one."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

from bt_lake.cli.registry import COMMANDS

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "report.md").read_text("utf-8")


def test_its_pictures_are_made_and_there(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    import make_report

    shown = re.findall(r"\(report/(\w+)\.svg\)", PAGE)
    assert sorted(shown) == sorted(make_report.PICTURES)
    assert {path.stem for path in (DOCS / "report").iterdir()} == set(shown)
    for name in shown:
        text = (DOCS / "report" / f"{name}.svg").read_text("utf-8")
        assert ElementTree.fromstring(text).tag.endswith("svg") and len(text) < 100_000
        assert set(make_report.ID.findall(text)) <= {"…1f0f50fd"}
    del sys.modules["make_report"]


def test_its_commands_are_commands():
    known = {name for group in COMMANDS.values() for name in group}
    assert set(re.findall(r"\bbt-lake (\w+)", PAGE)) <= known
