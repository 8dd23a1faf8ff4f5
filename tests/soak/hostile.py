"""Lakes that somebody has tampered with, and every command on them: what must stay untouched does."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from factory import resealed
from sentinel import Harm, Sentinel, seen_on_disk

from bt_lake.cli.main import run
from bt_lake.ingest.saving import save
from bt_lake.warehouse import log, upkeep
from bt_lake.warehouse.errors import LakeError
from bt_lake.warehouse.furniture import furniture
from bt_lake.warehouse.maintenance import maintenance_lock
from bt_lake.warehouse.store import Store

ID = "0123456789abcdef" * 2
NUMBERS: list[Any] = [
    0, 1, -1, 0.5, 1e308, -1e308, 1e-320, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), 2**64, 10**40,
    float("nan"), float("inf"), True, None, "", [], {}, [[]], {"a": None},
]  # fmt: skip
SENTINEL = Sentinel()


def texts(outside: Path) -> list[str]:
    victim = outside / "victim.txt"
    owned = outside / "owned"
    return [
        "../outside/victim.txt", str(victim), f"file://{victim}", str(outside), "..", ".", "/", "",
        "runs/month=2026-01/../../../outside/victim.txt", f"runs/month=2026-01/c-{ID}.parquet",
        f"equity/month=2026-01/m-00000001-{ID}.parquet", "lake.json", "_log/00000000.json",
        "_stage", "~/victim.txt", "/dev/zero", "/dev/stdin", "/proc/self/environ", "C:\\victim",
        f"'; copy (select 1) to '{owned}'; --", f"') ; .shell touch {owned}", f"$(touch {owned})",
        f"`touch {owned}`", f"|touch {owned}", f"=cmd|'/c touch {owned}'!A1", "os:system",
        "subprocess:run", "posix:system", f"{victim}:run", "victim.py:run", "../outside/victim.py:run",
        "\x1b]0;t\x07\x1b[2J", "a\nb", "a\x00b", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
        "é" * 300, "x" * 100_000, "{" * 5_000, "[" * 5_000, "NaN", "-1", "1e999", "9" * 5_000, "null",
        "*", "[a-z]*", "%s%n", "{0.__class__}", "<script>alert(1)</script>", "deleted", "delete",
        "https://127.0.0.1:9/x.parquet", "s3://bucket/x", json.dumps({"command": f"touch {owned}"}),
        json.dumps({"run": {"root": str(outside), "arguments": {"command": f"touch {owned}"}}}),
    ]  # fmt: skip


@cache
def _pristine() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="soak-base-")) / "lake"
    store = Store(folder)
    for number in range(6):
        save(store, _document(number))
        if number == 2:
            store.append_events("tag", [_run_id(0)], "q4")
            store.append_events("delete", [_run_id(1)])
            store.compact(grace_s=0)
        if number == 3:
            store.compact()
    store.append_events("note", [_run_id(4)], "words")
    return folder


def _run_id(number: int) -> str:
    return f"00000000-0000-7000-8000-{number:012d}"


def _document(number: int) -> dict[str, Any]:
    return {
        "run_id": _run_id(number),
        "strategy": "s",
        "symbol": "A",
        "params": {"n": number},
        "entrypoint": "victim.py:run",
        "config": {"run": {"root": "."}},
        "metrics": {"mine": float(number)},
        "equity": [[f"2024-01-0{day}", 100.0 + number * day] for day in range(1, 6)],
        "trades": [{"symbol": "A", "pnl": 1.0, "entry_at": "2024-01-01", "exit_at": "2024-01-02"}],
    }


def lake_round(random: random.Random, folder: Path) -> None:
    """Tamper with a lake in some ways, then use it in some ways."""
    with _tampered(random, folder, TAMPER) as (lake, allowed, told):
        for _ in range(random.choice((1, 2, 3))):
            command = random.choice(COMMANDS)(random, allowed)
            told.append(" ".join(command))
            with SENTINEL.watching(lake, allowed):
                code, said = _called(["--lake", str(lake), *command])
            if code not in (0, 2, 3, 4, 5):
                raise AssertionError(f"exit code {code}\n{said}")


def light_round(random: random.Random, folder: Path) -> None:
    """The same without DuckDB: all that makes, moves and unlinks files by what a lake says."""
    with _tampered(random, folder, LIGHTLY) as (lake, _, told):
        for act in random.sample(ACTS, 2):
            told.append(act.__name__)
            with SENTINEL.watching(lake), contextlib.suppress(LakeError, OSError):
                act(Store(lake))


@contextlib.contextmanager
def _tampered(
    random: random.Random, folder: Path, ways: list[Callable[[random.Random, Path, Path], None]]
) -> Iterator[tuple[Path, Path, list[str]]]:
    """A lake that somebody has tampered with; what lies beside it must be as before in the end."""
    outside, allowed = folder / "outside", folder / "allowed"
    allowed.mkdir()
    lake = folder / "lake"
    shutil.copytree(_pristine(), lake)
    outside.mkdir()
    (outside / "victim.txt").write_text("precious")
    here = folder / "here"
    here.mkdir()
    (outside / "victim.py").write_text("import os\nos.system('touch owned')\ndef run(**a): pass\n")
    (outside / "month=2026-01").mkdir()
    (outside / "month=2026-01" / f"c-{ID}.parquet").write_text("precious too")
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        with contextlib.suppress(Exception):  # what was tampered with before may not be readable
            random.choice(ways)(random, lake, outside)
    before = seen_on_disk(outside) | seen_on_disk(here)
    told = [f"tampered lake; victims in {outside}"]
    came_from = Path.cwd()
    os.chdir(here)
    try:
        yield lake, allowed, told
        if seen_on_disk(outside) | seen_on_disk(here) != before:
            raise Harm("a file outside the lake was changed")
    except Exception as error:
        error.add_note("\n".join(told))
        raise
    finally:
        os.chdir(came_from)


def _called(arguments: list[str]) -> tuple[int, str]:
    """One command of the command line; its exit code, and what it said."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        code = run(arguments)
    return code, err.getvalue()[-4000:]


# Ways to tamper.


def _log(random: random.Random, lake: Path, outside: Path) -> None:
    path = random.choice(_logs(lake)[-2:])
    _write_log(random, path, _spoilt(random, json.loads(path.read_bytes()), outside))


def _logs(lake: Path) -> list[Path]:
    """Those that can be read: who tampered before may have put a pipe there."""
    return [path for path in sorted((lake / "_log").glob("*.json")) if path.is_file()]


def _log_names(random: random.Random, lake: Path, outside: Path) -> None:
    """A log that is sound but for the files it names."""
    path = _logs(lake)[-1]
    state = json.loads(path.read_bytes())
    name = random.choice(texts(outside))
    match random.randrange(3):
        case 0:
            state["removed"][name] = random.choice((None, 1.0))
        case 1:
            state["unseen"].append(name)
        case _:
            state["adds"].append({**random.choice(state["adds"]), "path": name})
    _write_log(random, path, state)


def _write_log(random: random.Random, path: Path, state: Any) -> None:
    """As somebody writes it who knows how: its digest is right, mostly."""
    if isinstance(state, dict) and random.random() < 0.8:
        path.write_bytes(resealed(state))
    else:
        _write_json(path, state)


def _card(random: random.Random, lake: Path, outside: Path) -> None:
    path = lake / "lake.json"
    _write_json(path, _spoilt(random, json.loads(path.read_bytes()), outside))


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), "utf-8")


def _spoilt(random: random.Random, value: Any, outside: Path) -> Any:
    """The value with one of its texts, numbers or keys replaced."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        key = random.choice(list(value))
        if random.random() < 0.2:
            return {(random.choice(texts(outside)) if k == key else k): v for k, v in value.items()}
        return {**value, key: _spoilt(random, value[key], outside)}
    if isinstance(value, list) and value and random.random() < 0.9:
        place = random.randrange(len(value))
        return [
            _spoilt(random, each, outside) if n == place else each for n, each in enumerate(value)
        ]
    return random.choice(texts(outside) if random.random() < 0.6 else NUMBERS)


def _data(random: random.Random, lake: Path, outside: Path) -> Path:
    return random.choice(sorted(lake.glob("*/month=*/*.parquet")))


def _values(random: random.Random, lake: Path, outside: Path) -> None:
    """Other values in a column, or other metadata, of a data file."""
    path = _data(random, lake, outside)
    table = pq.read_table(path)
    place = random.randrange(table.num_columns)
    field = table.schema.field(place)
    value = random.choice(texts(outside) if pa.types.is_string(field.type) else NUMBERS)
    with contextlib.suppress(pa.ArrowException, OverflowError, TypeError, ValueError):
        column = pa.array([value] * len(table), field.type)
        table = table.set_column(place, field, column)
    if random.random() < 0.3:
        marks = {random.choice(["folded", "x"]): random.choice(["true", "../x"])}
        table = table.replace_schema_metadata(marks)
    pq.write_table(table, path, store_schema=False)


def _bytes(random: random.Random, lake: Path, outside: Path) -> None:
    path = _data(random, lake, outside)
    content = bytearray(path.read_bytes())
    for _ in range(random.choice((1, 4, 40))):
        content[-random.randrange(1, len(content))] = random.randrange(256)
    path.write_bytes(content)


def _cut(random: random.Random, lake: Path, outside: Path) -> None:
    path = random.choice([p for p in sorted(lake.rglob("*")) if p.is_file()])
    path.write_bytes(path.read_bytes()[: random.randrange(200)])


def _renamed(random: random.Random, lake: Path, outside: Path) -> None:
    path = _data(random, lake, outside)
    stem = random.choice((f"c-{ID}", f"m-99999999-{ID}", "m-x", "a\nb", "* ?[]", "c-" + "é" * 32))
    path.rename(path.with_name(f"{stem}.parquet"))


def _linked(random: random.Random, lake: Path, outside: Path) -> None:
    """A link in place of anything in the lake, to a file or a folder outside or to nothing."""
    there = sorted(lake.rglob("*"))
    folders = [path for path in there if path.is_dir()]
    path = random.choice(folders if random.random() < 0.7 else there)
    kept = outside / f"kept-{path.name}"
    if random.random() < 0.5:
        path.rename(kept)
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    path.symlink_to(random.choice((kept, outside, outside / "victim.txt", outside / "owned")))


def _extra(random: random.Random, lake: Path, outside: Path) -> None:
    """Links, pipes and old files where work is staged and repairs put things."""
    folder = lake / random.choice(("_stage", "_quarantine", "_seed", "_log"))
    folder.mkdir(exist_ok=True)
    name = random.choice(
        ("old", "spill", "maintenance.lock", "ingest.lock", "runs", "00000099.json")
    )
    path = folder / name
    if path.exists():
        path.unlink()
    match random.randrange(3):
        case 0:
            path.symlink_to(random.choice((outside, outside / "owned", outside / "victim.txt")))
        case 1:
            os.mkfifo(path)
        case _:
            path.mkdir()
            (path / "link").symlink_to(outside)
    os.utime(path, (0, 0), follow_symlinks=False)


def _script(random: random.Random, lake: Path, outside: Path) -> None:
    (lake / "lake.sql").write_text(f".shell touch {outside / 'owned'}\n")


def _manifest(random: random.Random, lake: Path, outside: Path) -> None:
    """What a repair is said to have moved, and where it would go back to."""
    (lake / "_quarantine").mkdir(exist_ok=True)
    (lake / "_quarantine" / "evil").write_text("evil")
    epoch = int(_logs(lake)[-1].stem)
    places = [*texts(outside), "_quarantine/evil", *map(str, lake.glob("runs/*/*"))]
    moves = [[random.choice(places), "_quarantine/evil"] for _ in range(9)]
    moves += [[random.choice(places), random.choice(places)] for _ in range(3)]
    manifest = {"moves": moves, "before": None, "epoch": epoch}
    _write_json(lake / "_quarantine" / "repair-99999999T999999Z.json", manifest)


LIGHTLY: list[Callable[[random.Random, Path, Path], None]] = [
    _log, _log_names, _log_names, _card, _cut, _renamed, _linked, _linked, _extra, _script,
    _manifest,
]  # fmt: skip
TAMPER: list[Callable[[random.Random, Path, Path], None]] = [
    *LIGHTLY, _log, _values, _values, _values, _bytes,
]  # fmt: skip


# Ways to use it.


def _tagging(store: Store) -> None:
    store.append_events("tag", [_run_id(0)], "x")


def _new_epochs(store: Store) -> None:
    """Two, so that what the log says is removed is unlinked."""
    for _ in range(2):
        state = log.newest(store.layout)
        drops = {add.path for add in state.adds[:1]}
        log.advance(store.layout, state, adds=[], drops=drops, grace_s=0, most=None)


def _taking_back(store: Store) -> None:
    store.undo_repair()


def _making(store: Store) -> None:
    store.create()


def _looking_around(store: Store) -> None:
    list(furniture(store.layout))
    list(upkeep.findings(store.layout))


def _waiting_for_nobody(store: Store) -> None:
    with maintenance_lock(store.layout, wait=False):
        pass


ACTS: list[Callable[[Store], None]] = [
    _tagging, _new_epochs, _taking_back, _making, _looking_around, _waiting_for_nobody,
]  # fmt: skip


def _some_run(random: random.Random) -> str:
    return _run_id(random.randrange(6))


def _plain(*words: str) -> Callable[[random.Random, Path], list[str]]:
    return lambda random, allowed: list(words)


def _of_a_run(*words: str) -> Callable[[random.Random, Path], list[str]]:
    return lambda random, allowed: [words[0], _some_run(random), *words[1:]]


def _saving(random: random.Random, allowed: Path) -> list[str]:
    document = allowed / "new.json"
    document.write_text(json.dumps({**_document(7), "run_id": f"new{random.random()}"}))
    return ["ingest", str(document)]


def _exporting(random: random.Random, allowed: Path) -> list[str]:
    name = random.choice(("x.csv", "x.parquet", "x.sqlite", "other-lake"))
    return ["export", str(allowed / f"{random.random()}{name}"), "--curves", "--trades"]


def _copying(random: random.Random, allowed: Path) -> list[str]:
    return ["backup", str(allowed / f"copy{random.random()}")]


def _merging(random: random.Random, allowed: Path) -> list[str]:
    """The tampered lake is taken into one of the user's."""
    return ["--lake", str(allowed / "mine"), "merge", str(allowed.parent / "lake")]


COMMANDS = [
    _plain("list"), _plain("best", "sharpe_ratio"), _plain("best", "mine", "--deflate"),
    _plain("info"), _plain("check"), _plain("check", "--repair"), _plain("check", "--undo"),
    _plain("compact"), _plain("compact"), _plain("recompute"), _saving, _saving, _exporting,
    _of_a_run("show"), _of_a_run("equity"), _of_a_run("trades"),
    _of_a_run("reproduce", "--yes", "--changed-code", "--allow", "os:system"),
    _of_a_run("tag", "t"), _of_a_run("delete", "--yes"), _of_a_run("delete", "--forget", "--yes"),
    _plain("aggregate", "--by", "strategy"), _plain("sweep", "s", "-x", "n"), _plain("overfit"),
    _copying, _merging, _plain("recompute"), _plain("doctor"), _plain("decay"),
    _plain("sql", "select * from runs"), _plain("lookup", "--strategy", "s"),
]  # fmt: skip


def main() -> int:
    """`ROUNDS=300 SEED=1 PYTHONPATH=tests python tests/soak/hostile.py`: a round is of its seed; LIGHT=1."""
    rounds = int(os.environ.get("ROUNDS") or 10_000)
    first = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"{rounds:,} tampered lakes from seed {first}", flush=True)
    a_round = light_round if os.environ.get("LIGHT") else lake_round
    failed = []
    for seed in range(first, first + rounds):
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            try:
                a_round(random.Random(seed), Path(os.path.realpath(folder)))
            except Exception:
                failed.append(seed)
                print(f"SEED={seed} failed\n{traceback.format_exc()}", flush=True)
    print(f"{rounds:,} tampered lakes, {len(failed)} failed {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
