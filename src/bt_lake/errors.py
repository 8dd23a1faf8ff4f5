"""Everything bt-lake raises on purpose, to catch by name: `except bt_lake.errors.NotFound`."""

from bt_lake.ingest.report import IngestStopped
from bt_lake.warehouse.errors import (
    Ambiguous,
    BadInput,
    BudgetSpent,
    Busy,
    CannotRead,
    CannotWrite,
    Conflict,
    Damaged,
    Duplicate,
    FormatTooNew,
    Interrupted,
    LakeError,
    MissingExtra,
    NotFound,
    Unconfirmed,
    UnknownName,
)

__all__ = [
    "Ambiguous",
    "BadInput",
    "BudgetSpent",
    "Busy",
    "CannotRead",
    "CannotWrite",
    "Conflict",
    "Damaged",
    "Duplicate",
    "FormatTooNew",
    "IngestStopped",
    "Interrupted",
    "LakeError",
    "MissingExtra",
    "NotFound",
    "Unconfirmed",
    "UnknownName",
]
