"""How an answer travels: JSON whose rows are columns, times as milliseconds since 1970."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from bt_lake.warehouse.errors import (
    Busy,
    CannotRead,
    CannotWrite,
    Conflict,
    Damaged,
    Interrupted,
    LakeError,
    NotFound,
)
from bt_lake.wording.plain import plainly

if TYPE_CHECKING:
    from bt_lake.queries.answer import Answer

_STATUS: list[tuple[type[LakeError], int]] = [
    (NotFound, 404),
    (Conflict, 409),
    (Busy, 503),
    (Interrupted, 503),
    (Damaged, 500),
    (CannotRead, 500),
    (CannotWrite, 500),
]
_BAD = 400


def told(body: Any, status: int = 200) -> Response:
    text = json.dumps(_plain(body), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Response(text.encode("utf-8", "replace"), status, media_type="application/json")


def refused(error: LakeError) -> Response:
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), _BAD)
    return told({"error": str(error), "kind": type(error).__name__}, status)


def columns(answer: Answer) -> dict[str, Any]:
    """The rows of an answer, a list for each column."""
    rows = answer.rows()
    names = answer.columns
    lists: list[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return {"columns": names, "data": lists, "rows": len(rows)}


def milliseconds(moment: datetime) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000)


_plain = plainly(moment=milliseconds)
