"""A report as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bt_lake.report.document import (
    Abreast,
    Block,
    Cards,
    Cell,
    Document,
    Figure,
    Remark,
    Table,
    Words,
)
from bt_lake.wording.values import one_line

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!])")


def markdown(report: Document) -> str:
    lines = [f"## {_text(report.title)}", "", _text(report.subtitle), ""]
    for part in report.parts:
        body = [line for block in part.blocks for line in _block(block)]
        if body:
            lines += [*([f"### {_text(part.title)}", ""] if part.title else []), *body]
    if report.left_out:
        lines += ["### Left out", "", *(f"- {_text(each)}" for each in report.left_out), ""]
    return "\n".join(lines).rstrip() + "\n"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Cards():
            yield from _table(
                [card.name for card in block.cards], [[c.value for c in block.cards]], 0
            )
        case Remark():
            yield from (f"> {_text(block.text)}", "")
        case Words():
            yield from (_text(block.text), "")
        case Table():
            if block.caption:
                yield from (f"**{_text(block.caption)}**", "")
            yield from _table(block.head, block.rows, block.texts)
            if block.note:
                yield from (_text(block.note), "")
        case Abreast():
            for each in block.tables:
                yield from _block(each)
        case Figure():
            return


def _table(head: Sequence[str], rows: Sequence[Sequence[str | Cell]], texts: int) -> Iterator[str]:
    yield _row([_text(name) for name in head])
    yield _row(["---" if place < texts else "---:" for place in range(len(head))])
    yield from (_row([_cell(cell) for cell in row]) for row in rows)
    yield ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: str | Cell) -> str:
    if isinstance(cell, str):
        return _text(cell)
    return f"**{_text(cell.text)}**" if cell.bold and cell.text else _text(cell.text)


def _text(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", one_line(text))
