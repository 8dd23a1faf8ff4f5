"""The same pictures as PNG, by the optional Pillow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from bt_lake.cli.picture import PAPER, Area, Line, Picture, Point, Rect, Text
from bt_lake.warehouse.errors import MissingExtra

_SCALE = 2  # pixels a unit, for sharp screens
_SMOOTH = 2  # drawn this much larger still, then shrunk: Pillow's lines are jagged
_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def png(picture: Picture) -> bytes:
    image, drawing = _pillow("Image"), _pillow("ImageDraw")
    size = (round(picture.width * _SCALE), round(picture.height * _SCALE))
    large = image.new("RGB", (size[0] * _SMOOTH, size[1] * _SMOOTH), PAPER)
    draw = drawing.Draw(large)
    for shape in picture.shapes:
        _draw(draw, shape)
    buffer = io.BytesIO()
    large.resize(size, image.Resampling.LANCZOS).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _pillow(part: str) -> Any:
    try:
        return import_module(f"PIL.{part}")
    except ImportError:
        raise MissingExtra.needs("drawing a PNG", "plot") from None


def _draw(draw: Any, shape: Rect | Line | Area | Text) -> None:
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
            font = _pillow("ImageFont").load_default(shape.size * unit)
            place = (shape.x * unit, shape.y * unit)
            stroke = 1 if shape.bold else 0
            draw.text(
                place, shape.text, shape.fill, font, _ANCHORS[shape.anchor], stroke_width=stroke
            )


def _scaled(points: Sequence[Point], unit: int) -> list[Point]:
    return [(x * unit, y * unit) for x, y in points]
