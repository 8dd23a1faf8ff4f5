"""docs/python.md and docs/howto.md run, block by block on one lake, and say what that shows."""

from __future__ import annotations

import importlib.util
import re
from difflib import ndiff
from pathlib import Path

import polars as pl
import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "python.md").read_text("utf-8")


def maker():
    spec = importlib.util.spec_from_file_location("make_python", ROOT / "docs" / "make_python.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("name", ["python.md", "howto.md"])
def test_the_page_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / name).read_text("utf-8")
    with pl.Config(restore_defaults=True):
        shown = list(maker().examples(text))
    assert len(shown) == text.count("```python") >= 15
    for block in shown:
        change = "\n".join(ndiff(block.says.splitlines(), block.shows.splitlines()))
        assert block.is_true, f"{name}:{block.line}; run: python docs/make_python.py\n{change}"


def test_what_changes_from_run_to_run_is_written_as_dots() -> None:
    shown = maker().Shown(1, "x\n", "", "run 01a21400-bed8-7a2a-a920-d76e87d150d3 …1f0f50fd\n")
    assert str(shown) == "```python\nx\n```\n```text\nrun ... ...\n```\n"


def test_every_part_of_the_face_is_on_the_page() -> None:
    from bt_lake.lake import Lake

    public = {name for name in vars(Lake) if not name.startswith("_")} - {"path", "store", "reader"}
    assert {name for name in public if not re.search(rf"\b{name}\b", TEXT)} == set()
