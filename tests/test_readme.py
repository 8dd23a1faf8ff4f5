"""README.md: its commands and snippets run in the order in which they stand."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from cli_lake import COMMAND
from older_stores import add_results, result

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
DUCKDB = Path(sysconfig.get_path("scripts")) / "duckdb"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "lake" / "FORMAT.md"]


def module(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with what a reader would have."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BT_LAKE", raising=False)
    (tmp_path / "results").mkdir()
    run = {"strategy": "rsi", "equity": [["2024-01-02", 100.0], ["2024-01-03", 101.0]]}
    (tmp_path / "results" / "run_1.json").write_text(json.dumps(run), "utf-8")
    add_results(tmp_path / "trading.db", result())
    made = ROOT / "tests" / "data" / "platforms" / "metatrader"
    shutil.copy(made / "ReportOptimizer-1.xml", tmp_path)
    shutil.copy(made / "ReportTester-plain.html", tmp_path / "ReportTester-1.html")
    return tmp_path


def commands(block: str) -> list[str]:
    return [line for line in block.splitlines() if line.strip() and not line.startswith("#")]


def ran(line: str) -> subprocess.CompletedProcess[str]:
    words = shlex.split(line, comments=True)
    if words[:3] == ["cd", "lake", "&&"]:
        shell = [str(DUCKDB), *words[4:], "-c", "from best('sharpe_ratio', n := 5)"]
        return subprocess.run(shell, cwd="lake", capture_output=True, text=True)
    assert words[0] == "bt-lake", line
    return subprocess.run([*COMMAND, *words[1:]], capture_output=True, text=True)


@pytest.mark.slow
def test_the_tour_works(folder: Path):
    known: dict[str, object] = {}
    for language, block in BLOCKS:
        if language == "python":
            exec(compile(block, "README.md", "exec"), known)
            continue
        for line in commands(block):
            if line.startswith("make "):
                target = line.split()[1]
                assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.M)
                continue
            done = ran(line)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            assert done.stdout or done.stderr
    assert known["frame"].height == 25
    assert {"param.fast", "param.slow"} <= set(known["frame"].columns)
    assert known["curves"]["run_id"].n_unique() == 3
    assert known["grid"].shape == (5, 1 + 5)
    assert (folder / "sweep.svg").read_text("utf-8").startswith("<svg")
    assert (folder / "for-you" / "lake.sql").exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path):
    text = page.read_text("utf-8")
    for target, anchor in re.findall(r"\]\((?!\w+:)([^)#\s]*)#?([^)]*)\)", text):
        found = page.parent / target if target else page
        assert found.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.+)$", found.read_text("utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", t.lower()).replace(" ", "-") for t in titles]


def test_figures_stand_as_measured():
    figures = module("figures")
    kept = json.loads(figures.KEPT.read_text("utf-8"))
    assert set(kept) == set(figures.BENCHES)
    for page, text in figures.pages(kept).items():
        assert page.read_text("utf-8") == text, "run: make docs"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_the_picture_shows_what_a_terminal_shows(folder: Path):
    import bt_lake

    lake = bt_lake.open(folder / "lake")
    lake.run_sweep(
        "bt_lake.examples.sma_cross:run",
        {"fast": "5:45:5", "slow": "50:130:10"},
        symbol=["SYNTH", "SYNTH-2"],
        exit_rule=["signal", "trailing"],
    )
    picture = module("picture")
    drawn = picture.picture(picture.screen(lake.path))
    assert steady(drawn) == steady(picture.PICTURE.read_text("utf-8")), "run: make docs"


def steady(picture: str) -> list[str]:
    """The texts of a picture, without what is different each time: ids and durations."""
    texts = re.findall(r"<text[^>]*>(.*?)</text>", picture)
    return [re.sub(r"…\w{8}|[\d.]+ m?s$", "~", text) for text in texts]
