"""Where things are in a lake folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bt_lake._version import __version__
from bt_lake.warehouse.bounds import CARD_BYTES, read_bounded
from bt_lake.warehouse.errors import CannotRead, CannotWrite, Damaged, FormatTooNew, NotFound
from bt_lake.warehouse.folders import Folders

if TYPE_CHECKING:
    from bt_lake.warehouse.mirror import Mirror

FORMAT_VERSION = 1
# In a table's folder: what other engines read, which the lake needs nothing of.
DELTA_LOG = "_delta_log"
# In the folder that stands for a lake in an object store: its address.
KEPT_OF = "kept_of"
# How long somebody waits for a lock who does not say.
WAIT_S = 60.0


class Card(NamedTuple):
    format: int
    lake_id: str
    created_at: str
    backup: dict[str, Any]  # of a copy: of what, and when it was made


class Layout:
    def __init__(
        self,
        root: Path,
        *,
        wait_s: float = WAIT_S,
        origin: Mirror | None = None,
        is_image: bool = False,
    ) -> None:
        self.root = root
        self.wait_s = wait_s
        self.origin = origin  # of a lake in an object store, for which the folder stands
        self.is_image = is_image  # of one, made to look at: its files were told their times

    @property
    def address(self) -> str:
        """By which it is opened: its folder, or where it is in an object store."""
        return self.origin.url if self.origin is not None else str(self.root)

    def folders_open(self) -> Folders:
        """Through which whatever gets or loses a name in the lake does so, wherever that is."""
        return self.origin.folders_open() if self.origin is not None else Folders(self.root)

    def turn(self) -> AbstractContextManager[bool]:
        """Around a look and the commit after it, where no lock keeps others away."""
        return self.origin.turn() if self.origin is not None else nullcontext(True)

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
        from bt_lake.warehouse.schema import TABLES

        return [self.log, self.stage, self.root / "_seed", *map(self.table, TABLES)]

    def files(self, table: str) -> Iterator[Path]:
        """What lies in the month folders of a table, whatever it is."""
        if self.table(table).is_dir():
            for month in sorted(self.table(table).iterdir()):
                if month.is_dir() and not month.is_symlink() and month.name != DELTA_LOG:
                    yield from sorted(month.iterdir())

    def month(self, table: str) -> Path:
        return self.table(table) / month_of(datetime.now(UTC))

    def relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    @property
    def exists(self) -> bool:
        here = os.path.isfile(f"{self.root}{os.sep}lake.json")  # asked at every save
        return here or (self.origin is not None and self.origin.is_there())

    def staged(self, name: str) -> str:
        return f"_stage/{os.getpid()}-{name}"

    def check_format(self) -> None:
        """Refuse a folder that is no lake, or one from the future."""
        version = self.read_card().format
        if version > FORMAT_VERSION:
            raise FormatTooNew(
                f"{self.root} is in lake format {version}; this bt-lake reads up to format "
                f"{FORMAT_VERSION}. Upgrade with: pip install -U bt-lake"
            )

    def read_card(self) -> Card:
        import json

        try:
            if self.origin is not None and not self.exists:
                raise FileNotFoundError(self.address)
            card = json.loads(read_bounded(self.card, CARD_BYTES))
            backup = card.get("backup") or {}
            found = Card(card["format"], card["lake_id"], card["created_at"], backup)
            if [*map(type, found)] != [int, str, str, dict]:
                raise TypeError("values of other types")
            return found
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(
                f"no lake at {self.address}. `bt-lake init` makes one; "
                "--lake or $BT_LAKE names another."
            ) from None
        except PermissionError:
            raise NotFound(
                f"no lake that you may read at {self.root}: check who owns {self.card}."
            ) from None
        except OSError as error:
            from bt_lake.warehouse.files import reason_of

            raise CannotRead(f"{self.card} cannot be read: {reason_of(error)}.") from error
        except (
            Damaged,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            RecursionError,
        ) as error:
            raise Damaged(
                f"{self.card} is not a lake's card ({error}). Restore it from a backup, or run "
                "`bt-lake check --repair`."
            ) from None

    def check_writable(self) -> None:
        """Refuse to change a copy: what is added to it nobody would look for there."""
        self.check_format()
        if self.origin is None and (self.root / KEPT_OF).is_file():
            raise CannotWrite(
                f"{self.root} only keeps files of the lake {(self.root / KEPT_OF).read_text()}: "
                "open it by that address"
            )
        copy_of = self.read_card().backup
        if copy_of:
            raise CannotWrite(
                f"{self.root} is a backup (of {copy_of.get('of')}, {copy_of.get('at')}) and stays "
                "as it is. `bt-lake recover` makes a lake of it, `bt-lake merge` takes it into one."
            )

    def check_in_folder(self, why: str) -> None:
        """Refuse what a lake in an object store is not made for; `why`, and what to do."""
        if self.origin is not None:
            raise CannotWrite(f"{self.origin.url} is a lake in an object store: {why}")


def card_text(card: dict[str, Any]) -> str:
    """A lake's card as it stands on disk, with a digest of its own."""
    import json

    from bt_lake.warehouse.digest import BLANK, sealed

    told = {key: value for key, value in card.items() if key not in ("written_by", "digest")}
    told |= {"written_by": f"bt-lake {__version__}", "digest": BLANK}
    return sealed((json.dumps(told, indent=2) + "\n").encode()).decode()


def month_of(when: datetime) -> str:
    return f"month={when:%Y-%m}"
