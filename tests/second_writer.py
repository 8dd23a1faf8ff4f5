"""A second writer of lakes, made from lake/FORMAT.md with pyarrow alone: nothing of bt-lake.

`found(folder)` makes a lake; `append(folder, run, equity, trades)` saves a run; `event(...)` marks
one. The tests run everything on what it wrote.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

PAGE = Path(__file__).parent.parent / "lake" / "FORMAT.md"
BLANK = "0" * 32
NAME = "second-writer 1.0"


def tables() -> dict[str, pa.Schema]:
    """The tables of the page: ids, names and types, as 'Physical types' says."""
    found: dict[str, list[pa.Field]] = {}
    for line in PAGE.read_text("utf-8").splitlines():
        if title := re.fullmatch(r"### (\w+)", line):
            table = found.setdefault(title[1], [])
        if row := re.fullmatch(r"\| (\d+) \| (\w+)( \*)? \| ([\w<>,]+) \|.*", line):
            table.append(column(int(row[1]), row[2], row[4], bool(row[3])))
    return {name: pa.schema(fields) for name, fields in found.items() if fields}


def column(number: int, name: str, kind: str, required: bool) -> pa.Field:
    def tag(n: int) -> dict[str, str]:
        return {"PARQUET:field_id": str(n)}

    inner = number * 1000
    types = {
        "string": pa.string(),
        "json": pa.string(),
        "double": pa.float64(),
        "int64": pa.int64(),
        "timestamp": pa.timestamp("us", "UTC"),
        "list<string>": pa.list_(pa.field("element", pa.string(), metadata=tag(inner + 1))),
        "map<string,double>": pa.map_(
            pa.field("key", pa.string(), nullable=False, metadata=tag(inner + 1)),
            pa.field("value", pa.float64(), metadata=tag(inner + 2)),
        ),
    }
    return pa.field(name, types[kind], nullable=not required, metadata=tag(number))


def uuid7() -> str:
    millis = time.time_ns() // 1_000_000
    random = secrets.randbits(74)
    bits = millis << 80 | 7 << 76 | (random >> 62) << 64 | 2 << 62 | random & (1 << 62) - 1
    return str(uuid.UUID(int=bits))


def params_hash(params: dict) -> str:
    """Of plain values; numbers as the page says: 10.0 is written as 10."""

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            return int(value)
        return [plain(item) for item in value] if isinstance(value, list) else value

    text = json.dumps(plain(params), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def sealed(data: bytes) -> bytes:
    at = data.rfind(BLANK.encode())
    return data[:at] + digest(data).encode() + data[at + 32 :]


def parquet(schema: pa.Schema, rows: list[dict], marks: dict[str, str] | None = None) -> bytes:
    table = pa.Table.from_pylist(rows, schema)
    kept = [name for name in table.column_names if not rows or table[name].null_count < len(rows)]
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.select(kept).schema, store_schema=False) as writer:
        writer.write_table(table.select(kept))
        writer.add_key_value_metadata(marks or {})
    data = sink.getvalue().to_pybytes()
    return sealed(data) if marks else data


def flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def stage(lake: Path, name: str, data: bytes) -> Path:
    path = lake / "_stage" / name
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return path


def publish(staged: Path, final: Path) -> None:
    final.parent.mkdir(parents=True, exist_ok=True)
    flush(final.parent.parent)
    os.link(staged, final)
    flush(final.parent)


def found(lake: Path) -> None:
    for folder in ("runs", "equity", "trades", "events", "_log", "_seed", "_stage"):
        (lake / folder).mkdir(parents=True)
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    log = {"epoch": 0, "at": at, "grace_s": 60.0, "adds": [], "removed": {}, "unseen": []}
    log |= {"written_by": NAME, "digest": BLANK}
    files = {"_log/00000000.json": sealed(json.dumps(log).encode())}
    files |= {f"_seed/{name}.parquet": parquet(schema, []) for name, schema in tables().items()}
    card = {"format": 1, "lake_id": str(uuid.uuid4()), "created_at": at}
    for name, data in {**files, "lake.json": json.dumps(card).encode()}.items():
        staged = stage(lake, secrets.token_hex(16), data)
        publish(staged, lake / name)
        staged.unlink()


def append(
    lake: Path, run: dict, equity: list[dict] | None = None, trades: list[dict] | None = None
) -> str:
    now = datetime.now(UTC)
    consists = "89ab"[bool(equity) + 2 * bool(trades)]
    plain = uuid7().replace("-", "")
    commit = f"{plain[:12]}8{plain[13:16]}{consists}{plain[17:]}"
    run = {"run_id": uuid7(), "created_at": now, "status": "ok", **run}
    run |= {"commit_id": commit, "ingested_at": now}
    if isinstance(run.get("params"), dict):
        run |= {
            "params_hash": params_hash(run["params"]),
            "params": json.dumps(run["params"], ensure_ascii=False, separators=(",", ":")),
        }
    rows = {"equity": equity, "trades": trades}
    staged, children = {}, {}
    for name, several in rows.items():
        if several:
            of_run = [{"run_id": run["run_id"], **row} for row in several]
            data = parquet(tables()[name], of_run, {"written_by": NAME, "digest": BLANK})
            children[name] = {"rows": len(of_run), "bytes": len(data), "digest": digest(data)}
            staged[name] = stage(lake, f"{commit}.{name}", data)
    marks = {"written_by": NAME, "digest": BLANK, "children": json.dumps(children)}
    staged["runs"] = stage(lake, f"{commit}.runs", parquet(tables()["runs"], [run], marks))
    for name, path in staged.items():
        publish(path, lake / name / f"month={now:%Y-%m}" / f"c-{commit}.parquet")
    for path in staged.values():
        path.unlink()
    return run["run_id"]


def event(lake: Path, run_id: str, kind: str, value: str | None = None) -> None:
    now = datetime.now(UTC)
    row = {"event_id": uuid7(), "at": now, "run_id": run_id, "kind": kind, "value": value}
    plain = uuid7().replace("-", "")
    commit = f"{plain[:12]}8{plain[13:16]}8{plain[17:]}"
    data = parquet(tables()["events"], [row], {"written_by": NAME, "digest": BLANK})
    staged = stage(lake, f"{commit}.events", data)
    publish(staged, lake / "events" / f"month={now:%Y-%m}" / f"c-{commit}.parquet")
    staged.unlink()
