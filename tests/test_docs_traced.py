"""Promises carry the name of the test that holds them; tables of the documents equal the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bt_lake.cli.main import STOPPED
from bt_lake.warehouse import errors
from bt_lake.warehouse.schema import SAME_RUN
from bt_lake.warehouse.surface import lake_sql

ROOT = Path(__file__).parent.parent
TRACE = re.compile(r"<!-- tests?: ([^>]+?) -->")
README = (ROOT / "README.md").read_text("utf-8")
FORMAT = (ROOT / "lake/FORMAT.md").read_text("utf-8")
SMALL = (ROOT / "docs/smallprint.md").read_text("utf-8")


def traces(text: str) -> list[str]:
    return [name for found in TRACE.findall(text) for name in re.split(r",\s*", found)]


@pytest.mark.parametrize("name", traces(README + FORMAT))
def test_the_test_of_a_promise_is_there(name: str) -> None:
    file, _, function = name.partition("::")
    text = (ROOT / "tests" / file).read_text("utf-8")
    assert re.search(rf"^def {re.escape(function)}\(", text, re.MULTILINE), name


def test_every_promise_is_traced() -> None:
    promises = README.split("## What you can rely on")[1].split("\n## ")[0]
    bullets = re.split(r"^- ", promises, flags=re.MULTILINE)[1:]
    assert len(bullets) >= 4
    untraced = [bullet.split("\n")[0] for bullet in bullets if not traces(bullet)]
    sections = re.split(r"^## ", FORMAT, flags=re.MULTILINE)[1:]
    assert len(sections) >= 6
    untraced += [section.split("\n")[0] for section in sections if not traces(section)]
    assert untraced == []


def test_the_exit_codes_are_those_of_the_code() -> None:
    known = {c.exit_code for c in vars(errors).values() if hasattr(c, "exit_code")}
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", SMALL, re.MULTILINE)}
    assert told == known | {0, 1, *(STOPPED + number for number in (1, 2, 15))}


def test_the_macros_are_those_of_lake_sql() -> None:
    made = re.findall(r"temp macro ((?!lake_)\w+)\(([^)]*)\) as table", lake_sql())
    told = re.findall(r"^(\w+)\((.*)\)$", SMALL, re.MULTILINE)
    assert {name: " ".join(given.split()) for name, given in made} == dict(told)


@pytest.mark.parametrize("page", ["smallprint.md", "python.md"])
def test_the_documents_say_what_unique_compares(page):
    text = " ".join((ROOT / "docs" / page).read_text().split())
    (said,) = re.findall(r"`?\**`unique(?:=True)?`\** (?:compares|refuses a run whose) [^.]*", text)
    times = {"params_hash": "params", "start_at": "period|first", "end_at": "period|last"}
    for name in SAME_RUN:
        assert re.search(times.get(name, name.replace("_", " ")), said), (name, said)
