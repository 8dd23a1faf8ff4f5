"""MetaTrader: tester reports of 5 and 4, optimisations, and the history of an account."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from bt_lake.ingest.formats.metatrader import four, optimizer, reports
from bt_lake.ingest.formats.reading import content
from bt_lake.ingest.report import BadRow
from bt_lake.ingest.run import Run
from bt_lake.ingest.sheets import hints as hinted
from bt_lake.ingest.sheets import html, workbook
from bt_lake.ingest.sheets.hints import Hints
from bt_lake.ingest.sheets.texts import decode
from bt_lake.warehouse.errors import BadInput, LakeError

_FIVE = re.compile(r"content=\"?(?:strategy tester|client terminal)\b", re.IGNORECASE)
_FOUR = re.compile(r"MetaQuotes Software|<title>Strategy Tester:", re.IGNORECASE)


def matches(path: Path, head: bytes) -> bool:
    if workbook.is_one(head):
        texts = workbook.strings(path)
        return {"balance", "buy", "out"} <= texts or {"balance", "sell", "out"} <= texts
    if optimizer.matches(head):
        return True
    text = decode(head, whole=False)
    if "<" not in text[:200] or "<t" not in text.lower():
        return False
    return bool(_FIVE.search(text) or _FOUR.search(text)) or any(
        four.is_order(row) or reports.is_deal(row) for row in html.rows(text)
    )


def read(path: Path, hints: Hints = hinted.NONE) -> Iterator[Run | BadRow]:
    try:
        yield from _read(path, hints)
    except LakeError as error:
        yield BadRow(str(path), None, str(error).removeprefix(f"{path}: "))


def _read(path: Path, hints: Hints) -> Iterator[Run | BadRow]:
    data = content(path)
    if workbook.is_one(data):
        for rows in workbook.read(path).values():
            if any(map(reports.is_deal, rows)):
                yield reports.run_from(rows, path, hints)
                return
        raise BadInput("the workbook has no sheet with deals")
    if optimizer.matches(data[:65_536]):
        yield from optimizer.runs(data, path)
        return
    text = decode(data)
    if "</html" not in text[-4_000:].lower():
        raise BadInput("the report is cut off: it has no end")
    rows = html.rows(text)
    head = text[:4_000]
    if any(map(four.is_order, rows)) or (_FOUR.search(head) and not _FIVE.search(head)):
        yield four.run_from(rows, html.bold(text), path, hints)
    else:
        yield reports.run_from(rows, path, hints)
