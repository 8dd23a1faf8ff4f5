"""The same pictures as PNG, by the optional Pillow."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from bt_lake.cli.picture import PAPER, Area, Line, Picture, Point, Rect, Text
from bt_lake.warehouse.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.ImageDraw import ImageDraw

_SCALE = 2  # pixels a unit, for sharp screens
_SMOOTH = 2  # drawn this much larger still, then shrunk: Pillow's lines are jagged
_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def png(picture: Picture) -> bytes:
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        raise MissingExtra.needs("drawing a PNG", "plot") from None

    size = (round(picture.width * _SCALE), round(picture.height * _SCALE))
    large = Image.new("RGB", (size[0] * _SMOOTH, size[1] * _SMOOTH), PAPER)
    draw = ImageDraw.Draw(large)
    for shape in picture.shapes:
        _draw(draw, shape)
    buffer = io.BytesIO()
    large.resize(size, Image.Resampling.LANCZOS).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _draw(draw: ImageDraw, shape: Rect | Line | Area | Text) -> None:
    from PIL import ImageFont

    unit = _SCALE * _SMOOTH
    match shape:
        case Rect():
            corner = (shape.x + shape.width) * unit - 1, (shape.y + shape.height) * unit - 1
            draw.rectangle((shape.x * unit, shape.y * unit, *corner), fill=shape.fill)
        case Line():
            points = _scaled(shape.points, unit)
            draw.line(points, fill=shape.stroke, width=round(shape.width * unit), joint="curve")
        case Area():
            draw.polygon(_scaled(shape.points, unit), fill=shape.fill)
        case Text():
            font = ImageFont.load_default(shape.size * unit)
            place = (shape.x * unit, shape.y * unit)
            stroke = 1 if shape.bold else 0
            draw.text(
                place, shape.text, shape.fill, font, _ANCHORS[shape.anchor], stroke_width=stroke
            )


def _scaled(points: Sequence[Point], unit: int) -> list[Point]:
    return [(x * unit, y * unit) for x, y in points]
