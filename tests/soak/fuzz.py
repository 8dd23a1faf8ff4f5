"""Random inputs for everything that reads what somebody else wrote: a LakeError, or an answer."""

from __future__ import annotations

import json
import random
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl
from factory import frames
from mangling import KINDS
from results import document
from test_ingest_fuzz import good_files

from bt_lake.ingest.pipeline import ingest
from bt_lake.lake import Lake
from bt_lake.queries.filters import moment
from bt_lake.warehouse.errors import LakeError
from bt_lake.warehouse.params import params_hash
from bt_lake.warehouse.store import Store
from bt_lake.warehouse.values import value

Chance = random.Random
ROUND = 400  # inputs of each kind; cheap kinds get more
ENGINES = Path(__file__).parents[1] / "data" / "engines"
QUERIES = (
    "select * from runs where sharpe_ratio > 1 order by 1 limit 3",
    "select strategy, count(*) from trials group by all having count(*) > 1",
    "with a as (select run_id from runs) select * from a join equity using (run_id)",
    "select params ->> 'fast', param.fast from runs where param.fast between 1 and 5",
    "from best('sharpe_ratio', n := 5)",
    "select * from (select unnest(range(3)) as n) qualify row_number() over () = 1",
)
CONDITIONS = (
    "sharpe_ratio > 1 and total_trades > 10",
    "params ->> 'fast' in (1, 2)",
    "strategy like 'sma%' or symbol is null",
    "exists (select 1 from runs r where r.run_id = run_id)",
)
# What must not get through, beside what is mangled by chance.
SPITEFUL = ("'", '"', ";", "--", "/*", ")", "(", "copy runs to 'x'", "insert into runs", "\\", "\0",
            "$$", "attach 'x'", "read_csv('/etc/passwd')", "pragma", "install", "export", "ü", "\u202e",
            "union all select", "delete from", "set threads=1", "load", "?", "$1", ":x", "1e400")  # fmt: skip


def fuzz(seed: int, folder: Path, counted: Counter[str]) -> None:
    chance = Chance(seed)
    lake = Lake(folder / "lake")
    lake.store.append(frames(4))
    lake.save(strategy="sma", params={"fast": 1, "a": {"b": [1, "x"]}}, metrics={"mine": 1.0})
    before = _files(lake.path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _each(counted, "values", 20 * ROUND, lambda: value(_text(chance)))
        _each(counted, "times", 5 * ROUND, lambda: moment("since", _text(chance)))
        _each(counted, "params", 5 * ROUND, lambda: params_hash({_text(chance): _any(chance)}))
        _each(counted, "SQL", ROUND, lambda: lake.sql(_mangled(chance, chance.choice(QUERIES))))
        _each(counted, "conditions", ROUND,
              lambda: lake.runs(where=_mangled(chance, chance.choice(CONDITIONS)), n=1))  # fmt: skip
        _each(counted, "filters", ROUND // 2, lambda: lake.runs(
            params={_text(chance) + chance.choice(["", "<", ">=", "!="]): _any(chance)}, n=1))  # fmt: skip
        _each(counted, "documents", ROUND, lambda: lake.batch().save(_document(chance)))
    assert _files(lake.path) == before, "a question or a refused document wrote into the lake"
    _damaged_files(chance, folder, counted)


def _each(counted: Counter[str], what: str, times: int, act: Callable[[], object]) -> None:
    for _ in range(times):
        counted[what] += 1
        try:
            act()
        except LakeError as error:
            assert str(error).strip(), f"{what}: an error without a word"
        except pl.exceptions.PolarsError as error:  # a frame that polars cannot hold
            raise AssertionError(f"{what}: {error}") from error


def _damaged_files(chance: Chance, folder: Path, counted: Counter[str]) -> None:
    inside = folder / "in"
    inside.mkdir()
    good = {name: content for name, content in good_files(folder).items() if "equity" not in name}
    for path in ENGINES.rglob("*"):
        if path.is_file() and path.stat().st_size < 200_000 and path.parent.name in _KINDS:
            good[f"{path.parent.name}-{path.name}"] = path.read_bytes()
    for name in chance.choices(sorted(good), k=ROUND // 4):
        path = inside / name
        path.write_bytes(_bytes(chance, good[name]))
        counted["files"] += 1
        try:
            ingest(
                Store(folder / "none"),
                [path],
                dry_run=True,
                on_error=chance.choice(["stop", "skip"]),
            )
        except LakeError as error:
            assert str(error).strip()
        path.unlink()


_KINDS = {"freqtrade", "hyperopt", "lean", "tradingview", "metatrader", "ninjatrader"}


def _files(folder: Path) -> dict[str, int]:
    """Every file but what a running process keeps in the stage."""
    return {
        str(p): p.stat().st_size
        for p in folder.rglob("*")
        if p.is_file() and "_stage" not in p.parts
    }


def _bytes(chance: Chance, whole: bytes) -> bytes:
    content = bytearray(whole)
    if chance.random() < 0.3:
        del content[chance.randrange(len(content) + 1) :]
    for _ in range(chance.randint(0, 6) if content else 0):
        place = chance.randrange(len(content))
        content[place : place + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
        if not content:
            break
    return bytes(content)


def _mangled(chance: Chance, text: str) -> str:
    for _ in range(chance.randint(0, 3)):
        at = chance.randrange(len(text) + 1)
        text = (
            text[:at]
            + chance.choice([*SPITEFUL, _text(chance)])
            + text[at + chance.randint(0, 4) :]
        )
    return text


def _text(chance: Chance) -> str:
    if chance.random() < 0.3:
        return chance.choice(
            [
                *SPITEFUL,
                "",
                " ",
                "null",
                "-0",
                "1_000",
                "0x1",
                "[",
                '{"a":1,"a":2}',
                "2024-02-30",
                "12h",
                "NaN",
            ]
        )
    return "".join(
        chance.choice("abz019-+.eE_ :/[]{}\"'\t\n\x00é日🐂") for _ in range(chance.randint(0, 12))
    )


def _any(chance: Chance, depth: int = 0) -> object:
    if depth > 3 or chance.random() < 0.6:
        odd = [float("nan"), float("inf"), -0.0, 2**200, b"x", object(), {1, "a"}, (1,), ...]
        return chance.choice([*KINDS, *odd, _text(chance), chance.random()])
    inner = [_any(chance, depth + 1) for _ in range(chance.randint(0, 3))]
    return inner if chance.random() < 0.5 else {_text(chance): each for each in inner}


def _document(chance: Chance) -> dict:
    made = json.loads(json.dumps(document()))
    keys = [
        *made,
        "params",
        "metrics",
        "tags",
        "created_at",
        "status",
        "error",
        "run_id",
        "extra",
        _text(chance),
    ]
    for _ in range(chance.randint(1, 4)):
        made[chance.choice(keys)] = _any(chance)
    return made
