"""Where things are in a lake folder, and how a new one is made."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bt_lake.warehouse.errors import Damaged, FormatTooNew, NotFound
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
from bt_lake.warehouse.schema import FORMAT_VERSION, TABLES
from bt_lake.warehouse.surface import lake_sql


@dataclass(frozen=True, slots=True)
class Layout:
    root: Path

    @property
    def card(self) -> Path:
        return self.root / "lake.json"

    @property
    def sql(self) -> Path:
        return self.root / "lake.sql"

    @property
    def log(self) -> Path:
        return self.root / "_log"

    @property
    def stage(self) -> Path:
        return self.root / "_stage"

    def seed(self, table: str) -> Path:
        return self.root / "_seed" / f"{table}.parquet"

    def table(self, table: str) -> Path:
        return self.root / table

    @property
    def folders(self) -> list[Path]:
        return [self.log, self.stage, self.root / "_seed", *map(self.table, TABLES)]

    def month(self, table: str, when: datetime | None = None) -> Path:
        return self.root / table / f"month={(when or datetime.now(UTC)):%Y-%m}"

    def relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    @property
    def exists(self) -> bool:
        return self.card.is_file()

    def staged(self, name: str) -> Path:
        return self.stage / f"{os.getpid()}-{name}"

    def check_format(self) -> None:
        """Refuse a folder that is no lake, or one from the future."""
        try:
            card = json.loads(self.card.read_bytes())
            version = int(card["format"])
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(
                f"no lake at {self.root}. `bt-lake init` makes one; "
                "--lake or $BT_LAKE names another."
            ) from None
        except PermissionError:
            raise NotFound(
                f"no lake that you may read at {self.root}: check who owns {self.card}."
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise Damaged(
                f"{self.card} is not a lake's card ({error}). Restore it from a backup, or run "
                "`bt-lake check --repair`."
            ) from None
        if version > FORMAT_VERSION:
            raise FormatTooNew(
                f"{self.root} is in lake format {version}; this bt-lake reads up to format "
                f"{FORMAT_VERSION}. Upgrade with: pip install -U bt-lake"
            )

    def create(self) -> None:
        """Make what there is not of the lake; safe from any number of processes at once."""
        with explained(f"cannot make a lake at {self.root}"):
            for folder in self.folders:
                make_folder(folder)
            if self.exists:
                return
            step("create.folders")
            self._publish_text(self.log / f"{0:08d}.json", _empty_log())
            self.furnish()

    def furnish(self) -> None:
        """Write what stands around the tables, as far as it is missing."""
        self._write_seeds()
        self._publish_text(self.sql, lake_sql())
        step("create.before_card")
        card = {
            "format": FORMAT_VERSION,
            "lake_id": str(uuid7()),
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        # The card comes last: a folder with one is a whole lake.
        self._publish_text(self.card, json.dumps(card, indent=2) + "\n")

    def _write_seeds(self) -> None:
        """A zero-row file of each table: a list of files to read is never empty."""
        import pyarrow.parquet as pq

        from bt_lake.warehouse.schema import arrow_schema

        for table in TABLES:
            staged = self.staged(f"{uuid7().hex}.seed")
            pq.write_table(arrow_schema(table).empty_table(), staged)
            self._publish_and_forget(staged, self.seed(table))

    def _publish_text(self, path: Path, text: str) -> None:
        staged = self.staged(f"{uuid7().hex}.text")
        write_durably(staged, text.encode())
        self._publish_and_forget(staged, path)

    def _publish_and_forget(self, staged: Path, final: Path) -> None:
        try:
            publish(staged, final)
        except FileExistsError:
            pass
        finally:
            remove(staged)
        fsync_folder(final.parent)


def _empty_log() -> str:
    from bt_lake.warehouse.log import State

    return State.empty().to_json()
