"""How a new lake is made."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from bt_lake.warehouse.files import (
    explained,
    fsync_folder,
    make_folder,
    publish,
    remove,
    step,
    write_durably,
)
from bt_lake.warehouse.ids import uuid7
from bt_lake.warehouse.layout import FORMAT_VERSION, Layout
from bt_lake.warehouse.log import State
from bt_lake.warehouse.schema import TABLES, arrow_schema
from bt_lake.warehouse.surface import lake_sql


def create(layout: Layout) -> None:
    """Make what there is not of the lake; safe from any number of processes at once."""
    with explained(f"cannot make a lake at {layout.root}"):
        for folder in layout.folders:
            make_folder(folder)
        if layout.exists:
            return
        step("create.folders")
        _publish_text(layout, layout.log / f"{0:08d}.json", State.empty().to_json())
        furnish(layout)


def furnish(layout: Layout) -> None:
    """Write what stands around the tables, as far as it is missing."""
    _write_seeds(layout)
    _publish_text(layout, layout.sql, lake_sql())
    step("create.before_card")
    card = {
        "format": FORMAT_VERSION,
        "lake_id": str(uuid7()),
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    # The card comes last: a folder with one is a whole lake.
    _publish_text(layout, layout.card, json.dumps(card, indent=2) + "\n")


def _write_seeds(layout: Layout) -> None:
    """A zero-row file of each table: a list of files to read is never empty."""
    import pyarrow.parquet as pq

    for table in TABLES:
        staged = layout.staged(f"{uuid7().hex}.seed")
        pq.write_table(arrow_schema(table).empty_table(), staged)
        _publish_and_forget(staged, layout.seed(table))


def _publish_text(layout: Layout, path: Path, text: str) -> None:
    staged = layout.staged(f"{uuid7().hex}.text")
    write_durably(staged, text.encode())
    _publish_and_forget(staged, path)


def _publish_and_forget(staged: Path, final: Path) -> None:
    try:
        publish(staged, final)
    except FileExistsError:
        pass
    finally:
        remove(staged)
    fsync_folder(final.parent)
