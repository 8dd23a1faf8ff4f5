"""Whatever a lake holds, no text of it steers the terminal it is shown on, or breaks a table."""

from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path

import pytest
from cli_lake import CURVE, Cli, run_id

from bt_lake.ingest.saving import save
from bt_lake.warehouse.store import Store
from bt_lake.wording.values import one_line
from bt_lake.wording.widths import columns_of, folded, padded, shortened

# Colours, a title, a cleared screen, a bell, overwriting, an 8-bit escape, text turned around.
EVIL = "a\x1b[31mb\x1b]0;t\x07\x1b[2J\rc\x08\x9b31m\x7f\u202ed\ne"
LABELS = (
    "strategy", "strategy_type", "strategy_version", "symbol", "timeframe", "exit_rule",
    "model_path", "data_source", "engine", "engine_version", "sweep", "fold", "notes",
    "entrypoint", "currency", "error",
)  # fmt: skip


@pytest.fixture(scope="module")
def evil_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("evil") / "lake"
    for number in (1, 2, 3):
        document = {
            "run_id": run_id(number),
            **dict.fromkeys(LABELS, f"{EVIL}{number}"),
            "tags": [EVIL, str(number)],
            "params": {EVIL: f"{EVIL}{number}", "n": number, "in": {EVIL: [EVIL, {"x": EVIL}]}},
            "config": {EVIL: f"{EVIL}{number}"},
            "metrics": {"sharpe_ratio": float(number), EVIL: number},
            "equity": CURVE,
            "trades": [{"symbol": EVIL, "pnl": 1.0, "entry_tag": EVIL, "exit_reason": EVIL}],
        }
        save(Store(path), document)
    save(Store(path), {"strategy": EVIL + "1", "status": "failed", "error": EVIL})
    return path


COMMANDS = [
    ["list"],
    ["list", "--sort", f"param.{EVIL}"],
    ["list", "--columns", f"run_id,notes,tags,params,config,extra,param.{EVIL}"],
    ["best", EVIL],
    ["best", "sharpe_ratio", "--per", f"strategy,param.{EVIL}"],
    ["best", "sharpe_ratio", "--deflate"],
    ["show", "0001"],
    ["compare", "0001", "0002", "0003"],
    ["aggregate", "--by", f"strategy,param.{EVIL}", "-m", EVIL],
    ["sweep", EVIL + "1", "-x", EVIL, "-y", f"param.in.{EVIL}", "-m", EVIL],
    ["sweep", EVIL + "1", "-x", EVIL],
    ["sweep", EVIL + "1", "-x", "n", "-y", EVIL, "--as", "pivot"],
    ["trades", "0001"],
    ["lookup", "--strategy", EVIL + "1"],
    ["metrics"],
    ["sql", "from runs"],
    ["sql", f'select 1 as "{EVIL}"'],
    ["overfit"],
    ["info"],
    # Mistakes repeat what was given, and name what there is.
    ["show", "0"],
    ["show", EVIL],
    ["best", EVIL[:-1]],
    ["list", "--strategy", EVIL],
    ["list", "--where", f'"{EVIL}" > 1'],
    ["list", "--since", EVIL],
    ["sweep", EVIL, "-x", EVIL[1:]],
    ["tag", EVIL, "--strategy", EVIL + "1"],
    [EVIL],
    ["list", EVIL],
    ["list", "--format", EVIL],
    ["lookup", "--keys", EVIL],
]


def steering(text: str) -> set[str]:
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs")} - {"\n"}


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda words: ascii(" ".join(words))[1:40])
@pytest.mark.parametrize("format", ["table", "md"])
def test_nothing_of_a_lake_steers_a_terminal(evil_lake, capsys, arguments, format):
    cli = Cli(evil_lake, capsys)
    said = cli(*arguments, *["--format", format] * (arguments[0] not in ("tag", EVIL)))
    assert said.code in (0, 2, 3)
    assert said.out or said.err
    assert steering(said.out + said.err) == set()


@pytest.mark.parametrize("arguments", [["list"], ["show", "0001"], ["sql", "from trials"]])
def test_a_table_in_markdown_has_a_line_a_row(evil_lake, capsys, arguments):
    lines = Cli(evil_lake, capsys)(*arguments, "-f", "md").lines
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("format", ["csv", "json"])
@pytest.mark.parametrize("question", [["list"], ["show", "0001"], ["sql", "from runs"]])
def test_raw_formats_are_exact_but_on_a_terminal(evil_lake, capsys, question, format):
    from test_cli_terminal import at_terminal

    said = Cli(evil_lake, capsys)(*question, "-f", format)
    assert (json.dumps(EVIL, ensure_ascii=False) if format == "json" else EVIL) in said.out
    code, seen = at_terminal(*question, "-f", format, lake=evil_lake, NO_COLOR="1")
    assert code == 0
    assert "a�[31mb" in seen or "a\\u001b[31mb" in seen
    assert steering(seen) == set()


def test_wide_and_widthless_characters_are_counted_as_terminals_show_them():
    assert columns_of("移動平均") == 8
    assert columns_of("e\u0301") == 1
    assert columns_of("☝\ufe0f") == 1
    assert one_line("👨\u200d👩") == "👨👩"
    assert one_line("zero\u200bwidth\ufeff") == "zerowidth"
    assert padded("移動", 6) == "移動  "
    assert padded("移動", 6, right=True) == "  移動"
    assert shortened("移動平均", 6) == "移動…"


@pytest.mark.parametrize("width", [1, 2, 3, 7, 20, 80])
def test_folded_text_fits_and_loses_nothing_but_spaces(width: int):
    text = "  一つの長い文章 words of several lengths, anextremelylongwordwithoutanyspaces  end"
    lines = folded(text, width)
    assert max(map(columns_of, lines)) <= max(width, 2)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert folded("", width) == [""]


@pytest.mark.slow
def test_names_of_wide_characters_stay_aligned(tmp_path: Path, capsys):
    for number, name in enumerate(("移動平均クロス", "sma")):
        document = {"strategy": name, "symbol": "トヨタ", "params": {"速い": number + 10}}
        save(
            Store(tmp_path),
            {**document, "run_id": run_id(number + 21), "metrics": {"私の": number}},
        )
    cli = Cli(tmp_path, capsys)
    assert cli("aggregate", "-m", "私の", "--quantiles", "0.5").out == (
        "strategy        runs  mean  median  std  min  max  q50\n"
        "sma                1     1       1    -    1    1    1\n"
        "移動平均クロス     1     0       0    -    0    0    0\n"
    )
    lines = [
        line.partition("  " + name)[2].rstrip()
        for line in cli("compare", "0021", "0022").lines
        for name in ("strategy", "速い", "私の")
        if line.startswith("  " + name)
    ]
    assert [line.split() for line in lines] == [
        ["移動平均クロス", "sma"],
        ["10", "11"],
        ["0", "1"],
    ]
    assert {columns_of(line) for line in lines[1:]} == {columns_of(lines[0]) + 4}
    assert cli("sweep", "sma", "-x", "symbol", "-y", "速い", "-m", "私の").lines == [
        "        速い",
        "symbol    11",
        "トヨタ     1    ▓▓",
    ]
