"""A report as one page of HTML: no script, nothing from elsewhere, for screen, phone and paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from bt_lake.drawing.theme import STYLE
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
from bt_lake.wording.values import harmless, one_line

_STEPS = 8
_TINTS = "".join(
    f".{name}{n}{{background:color-mix(in srgb,var(--bt-{paint}) {n * 6}%,transparent)}}"
    for name, paint in (("g", "good"), ("b", "bad"))
    for n in range(1, _STEPS + 1)
)
_LOOK = (Path(__file__).parent / "look.css").read_text("utf-8") + _TINTS


def page(report: Document) -> str:
    title = escape(one_line(report.title))
    body = "".join(_part(part.title, part.blocks, n) for n, part in enumerate(report.parts))
    left = "".join(f"<li>{_text(each)}</li>" for each in report.left_out)
    if left:
        body += f'<section class="left"><h2>Left out</h2><ul>{left}</ul></section>\n'
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>\n{STYLE}{_LOOK}</style>\n</head>\n<body>\n<main>\n"
        f'<h1>{title}</h1>\n<p class="sub">{_text(report.subtitle)}</p>\n{body}'
        "</main>\n</body>\n</html>\n"
    )


def _part(title: str, blocks: Sequence[Block], place: int) -> str:
    head = f"<h2>{_text(title)}</h2>\n" if title else ""
    body = "".join(
        piece for n, block in enumerate(blocks) for piece in _block(block, f"c{place}-{n}")
    )
    return f"<section>\n{head}{body}</section>\n" if body else ""


def _block(block: Block, name: str) -> Iterator[str]:
    match block:
        case Cards():
            cards = "".join(
                f"<div><dt>{_text(card.name)}</dt><dd>{_text(card.value)}</dd></div>"
                for card in block.cards
            )
            yield f'<dl class="cards">{cards}</dl>\n'
        case Remark():
            yield f'<p class="remark">{escape(harmless(block.text))}</p>\n'
        case Words():
            yield f"<p>{escape(harmless(block.text))}</p>\n"
        case Figure():
            yield from _figure(block, name)
        case Table():
            yield _table(block)
        case Abreast():
            pairs = " pairs" if any(len(table.head) > 4 for table in block.tables) else ""
            yield f'<div class="abreast{pairs}">{"".join(map(_table, block.tables))}</div>\n'


def _figure(figure: Figure, name: str) -> Iterator[str]:
    drawn = [_drawn(picture.svg(alone=False), picture.width) for _, picture in figure.pictures]
    if len(drawn) == 1:
        yield drawn[0]
        return
    choices = "".join(
        f'<input type="radio" name="{name}" id="{name}-{n}"{" checked" if n == 0 else ""}>'
        f'<label for="{name}-{n}">{_text(label)}</label>'
        for n, (label, _) in enumerate(figure.pictures)
    )
    yield f'<div class="choice">{choices}{"".join(drawn)}</div>\n'


def _drawn(svg: str, width: float) -> str:
    if width < 640:
        svg = svg.replace("<svg ", '<svg class="small" ', 1)
    return f"<figure>{svg}</figure>\n"


def _table(table: Table) -> str:
    caption = f"<caption>{_text(table.caption)}</caption>" if table.caption else ""
    texts = ['class="t"' if n < table.texts else "" for n in range(len(table.head))]
    heads = "".join(
        _element("th", look, _text(name)) for look, name in zip(texts, table.head, strict=True)
    )
    head = f"<thead><tr>{heads}</tr></thead>" if any(table.head) else ""
    body = "".join(
        f"<tr>{''.join(_cell(cell, n < table.texts) for n, cell in enumerate(row))}</tr>\n"
        for row in table.rows
    )
    note = f'<p class="note">{_text(table.note)}</p>' if table.note else ""
    facts = table.texts == len(table.head) == 2
    wide = " wide" if len(table.head) > 6 else " facts" if facts else ""
    inner = f"{caption}{head}<tbody>\n{body}</tbody>"
    return f'<div class="scroll{wide}"><table>{inner}</table></div>{note}\n'


def _cell(cell: str | Cell, is_text: bool) -> str:
    cell = Cell(cell) if isinstance(cell, str) else cell
    step = min(_STEPS, round(abs(cell.tint) * _STEPS))
    classes = ["t"] * is_text + [f"{'g' if cell.tint > 0 else 'b'}{step}"] * bool(step)
    text = f"<b>{_text(cell.text)}</b>" if cell.bold else _text(cell.text)
    return _element("td", f'class="{" ".join(classes)}"' if classes else "", text)


def _element(tag: str, attributes: str, text: str) -> str:
    return f"<{tag} {attributes}>{text}</{tag}>" if attributes else f"<{tag}>{text}</{tag}>"


def _text(text: str) -> str:
    return escape(one_line(text))
