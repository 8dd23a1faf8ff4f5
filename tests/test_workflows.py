"""What stands around the package: workflows that call targets which exist, a site that has every page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
yaml = pytest.importorskip("yaml")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda p: p.name)
def test_it_is_read_and_its_targets_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    assert isinstance(yaml.safe_load(text), dict)
    targets = set(re.findall(r"run: make ([a-z-]+)", text))
    targets |= set(re.findall(r"'([a-z]+-check)", text))
    for listed in re.findall(r"target: \[(.*)\]", text):
        targets |= set(re.split(r",\s*", listed))
    assert {name for name in targets if not re.search(rf"^{name}:", MAKEFILE, re.M)} == set()


def test_bugs_are_reported_with_what_the_doctor_says() -> None:
    text = (ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml").read_text("utf-8")
    doctor = next(part for part in yaml.safe_load(text)["body"] if part.get("id") == "doctor")
    assert doctor["validations"]["required"] and "bt-lake doctor" in doctor["attributes"]["label"]


def test_every_page_is_on_the_site() -> None:
    listed = set(re.findall(r": ([\w/.]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.M))
    pages = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}
    assert pages <= listed
    assert {name for name in listed - {"reference.md"} if not (ROOT / name).exists()} == set()


def test_continuous_integration_runs_what_the_workflows_run() -> None:
    ours = set(
        re.findall(r"make --no-print-directory ([a-z-]+)", (ROOT / ".ci" / "run").read_text())
    )
    theirs = (ROOT / ".github" / "workflows" / "tests.yml").read_text("utf-8")
    assert {name for name in ours - {"test"} if name not in theirs} == set()
