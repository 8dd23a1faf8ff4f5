"""Colour, where the reader can see it and has not refused it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TextIO

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


@dataclass(frozen=True, slots=True)
class Style:
    """Paints text, or leaves it as it is where `colour` is off."""

    colour: bool = False

    def __call__(self, text: str, look: str) -> str:
        if not self.colour or not look or not text:
            return text
        return f"\x1b[{';'.join(_CODES[name] for name in look.split())}m{text}\x1b[0m"

    def cell(self, text: str, background: tuple[int, int, int]) -> str:
        """Text on a coloured ground, black or white, whichever reads better."""
        if not self.colour:
            return text
        red, green, blue = background
        ink = 16 if 0.299 * red + 0.587 * green + 0.114 * blue > 128 else 231
        # The 6 x 6 x 6 cube of 256 colours, which terminals have had longer than 24 bits.
        ground = 16 + sum(
            round(part / 255 * 5) * weight
            for part, weight in zip(background, (36, 6, 1), strict=True)
        )
        return f"\x1b[38;5;{ink};48;5;{ground}m{text}\x1b[0m"


PLAIN = Style()


def columns_of_terminal() -> int:
    from shutil import get_terminal_size  # which loads three compressors

    return get_terminal_size().columns


def style_of(stream: TextIO | None) -> Style:
    """NO_COLOR turns colour off, FORCE_COLOR on; otherwise a terminal that knows it has it."""
    if stream is None or os.environ.get("NO_COLOR"):
        return PLAIN
    if os.environ.get("FORCE_COLOR"):
        return Style(colour=True)
    return Style(colour=stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown"))
