"""Sections of names and values: one below the other, or side by side where there is room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bt_lake.cli.style import PLAIN, Style
from bt_lake.wording.values import one_line
from bt_lake.wording.widths import columns_of, folded, padded

_GAP = 3
_INDENT = "  "


@dataclass
class Section:
    """A heading and its lines; a value of None leaves its line out."""

    title: str
    lines: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, name: str, value: str | None, look: str = "") -> None:
        if value:
            self.lines.append((one_line(name), value, look))


def stacked(section: Section, *, width: int, style: Style = PLAIN) -> list[str]:
    """Names to the left, values folded into the rest of the width."""
    if not section.lines:
        return []
    left = max(columns_of(name) for name, _, _ in section.lines)
    out = [style(one_line(section.title), "bold")]
    for name, value, look in section.lines:
        room = max(20, width - left - 4)
        parts = [part for line in map(one_line, value.splitlines()) for part in folded(line, room)]
        start = _INDENT + style(padded(name, left), "dim") + "  "
        out.append(start + style(parts[0], look))
        out += [" " * (left + 4) + style(part, look) for part in parts[1:]]
    return out


def abreast(sections: Iterable[Section], *, width: int, style: Style = PLAIN) -> list[str]:
    """Short sections beside each other, values to the right; as many as the width holds."""
    blocks = [_block(section, style) for section in sections if section.lines]
    out: list[str] = []
    while blocks:
        row, blocks = _row(blocks, width)
        if out:
            out.append("")
        out += _joined(row)
    return out


@dataclass
class _Block:
    width: int
    lines: list[str]


def _block(section: Section, style: Style) -> _Block:
    left = max(columns_of(name) for name, _, _ in section.lines)
    right = max(columns_of(value) for _, value, _ in section.lines)
    inner = max(left + 2 + right, columns_of(section.title) - len(_INDENT))
    lines = [_padded(style(section.title, "bold"), section.title, inner + len(_INDENT))]
    for name, value, look in section.lines:
        space = " " * (inner - columns_of(name) - columns_of(value))
        lines.append(_INDENT + style(name, "dim") + space + style(value, look))
    return _Block(inner + len(_INDENT), lines)


def _padded(painted: str, bare: str, width: int) -> str:
    return painted + " " * (width - columns_of(bare))


def _row(blocks: Sequence[_Block], width: int) -> tuple[list[_Block], list[_Block]]:
    used, count = blocks[0].width, 1
    while count < len(blocks) and used + _GAP + blocks[count].width <= width:
        used += _GAP + blocks[count].width
        count += 1
    return list(blocks[:count]), list(blocks[count:])


def _joined(blocks: Sequence[_Block]) -> list[str]:
    height = max(len(block.lines) for block in blocks)
    out = []
    for n in range(height):
        parts = [b.lines[n] if n < len(b.lines) else " " * b.width for b in blocks]
        out.append((" " * _GAP).join(parts).rstrip())
    return out
