"""Pictures put together: one below the other, or under a title."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bt_lake.drawing.charts import width_of
from bt_lake.drawing.picture import Area, Line, Picture, Shape, Text
from bt_lake.drawing.theme import FAINT


def stacked(title: str, parts: Sequence[Picture], captions: Sequence[str]) -> Picture:
    """Pictures one below the other, each with a line above it."""
    width = max(part.width for part in parts)
    drawn = Picture(title, width, 0)
    for part, caption in zip(parts, captions, strict=True):
        drawn.add(Text(16, drawn.height + 22, caption, 13, bold=True))
        drawn.height += 32
        drawn.add(*(_moved(shape, drawn.height) for shape in part.shapes))
        drawn.height += part.height
    return drawn


def _moved(shape: Shape, down: float) -> Shape:
    if isinstance(shape, Line | Area):
        return replace(shape, points=[(x, y + down) for x, y in shape.points])
    return replace(shape, y=shape.y + down)


def titled(picture: Picture, subtitle: str = "") -> Picture:
    """The picture under its title, for a file of its own."""
    room = 62.0 if subtitle else 40.0
    width = max(picture.width, width_of(picture.title, 18) + 48, width_of(subtitle) + 48)
    drawn = Picture(picture.title, width, picture.height + room + 8)
    drawn.add(Text(16, 30, picture.title, 18, bold=True))
    if subtitle:
        drawn.add(Text(16, 50, subtitle, 13, fill=FAINT))
    drawn.add(*(_moved(shape, room) for shape in picture.shapes))
    return drawn
