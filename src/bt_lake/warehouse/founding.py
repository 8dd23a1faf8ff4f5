"""How a new lake is made."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

from bt_lake.warehouse.files import explained, make_folder, step
from bt_lake.warehouse.folders import Folders
from bt_lake.warehouse.ids import uuid7
from bt_lake.warehouse.layout import FORMAT_VERSION, Layout, card_text
from bt_lake.warehouse.log import State
from bt_lake.warehouse.schema import TABLES, arrow_schema
from bt_lake.warehouse.sharing import share_folder
from bt_lake.warehouse.surface import lake_sql


def create(layout: Layout, *, shared: bool = False) -> bool:
    """Make what there is not of the lake; safe from any number of processes at once.

    Gives whether there was none before. What is made in a `shared` one is its group's.
    """
    with explained(f"cannot make a lake at {layout.address}"):
        if layout.origin is not None:
            layout.origin.found(exists=layout.exists)
        make_folder(layout.root)
        if shared:
            share_folder(layout.root)
        with layout.folders_open() as folders:
            for folder in layout.folders:
                folders.make_folder(layout.relative(folder))
            if layout.exists:
                return False
            step("create.folders")
            _publish(folders, layout, f"_log/{0:08d}.json", State.empty().to_json())
        furnish(layout)
        if layout.origin is not None:
            layout.origin.refresh(now=True)  # another's card may have been first
    return True


def furnish(layout: Layout) -> None:
    """Write what stands around the tables, as far as it is missing."""
    with layout.folders_open() as folders:
        for table in TABLES:
            # A zero-row file of each table: a list of files to read is never empty.
            _publish(folders, layout, layout.relative(layout.seed(table)), _seed(table))
        _publish(folders, layout, "lake.sql", lake_sql())
        step("create.before_card")
        card = {
            "format": FORMAT_VERSION,
            "lake_id": str(uuid7()),
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        # The card comes last: a folder with one is a whole lake.
        _publish(folders, layout, "lake.json", card_text(card))


@cache
def _seed(table: str) -> bytes:
    from bt_lake.warehouse.arrays import empty
    from bt_lake.warehouse.commit import encoded

    return encoded(table, empty(arrow_schema(table)))


def _publish(folders: Folders, layout: Layout, name: str, content: str | bytes) -> None:
    staged = layout.staged(f"{uuid7().hex}.new")
    folders.write(staged, content.encode() if isinstance(content, str) else content)
    try:
        folders.publish(staged, name)
    except FileExistsError:
        pass
    finally:
        folders.remove(staged)
    folders.flush_folder(name.rpartition("/")[0])
