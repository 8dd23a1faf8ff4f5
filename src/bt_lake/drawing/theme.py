"""Colours, light and dark, as variables of the page that a picture stands in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Colour: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Paint:
    """A colour by what it is for: `--bt-NAME` of the page, light where that is not understood."""

    name: str
    light: str
    dark: str


INK = Paint("ink", "#1b1f24", "#e6e8eb")
FAINT = Paint("faint", "#666d76", "#9aa3ad")
RULE = Paint("rule", "#e6e8eb", "#2c333a")
PAPER = Paint("paper", "#ffffff", "#14181c")
GOOD = Paint("good", "#12805c", "#4cc38a")
BAD = Paint("bad", "#b8321f", "#f0796a")
MARK = Paint("mark", "#8a5a00", "#e0a83e")
# Told apart by the colour-blind, too (Okabe and Ito, darkened for white, lightened for black).
SERIES = (
    Paint("s1", "#1f5fbf", "#6ea8fe"),
    Paint("s2", "#c2570c", "#f5a262"),
    Paint("s3", "#0b7a5b", "#45c49b"),
    Paint("s4", "#8e3b8a", "#d58bd2"),
    Paint("s5", "#7a6a00", "#d9c64b"),
    Paint("s6", "#0d7f9c", "#63c7e0"),
    Paint("s7", "#a02c4b", "#f08aa5"),
    Paint("s8", "#4f5b66", "#b4bec8"),
)
PAINTS = (INK, FAINT, RULE, PAPER, GOOD, BAD, MARK, *SERIES)
# From poor to good; legible for the colour-blind, and dark to bright in grey.
RAMP = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))


def series_paint(place: int) -> Paint:
    return SERIES[place % len(SERIES)]


def colour_of(share: float) -> Colour:
    """The place of a share, 0 to 1, on the ramp."""
    place = share * (len(RAMP) - 1)
    start = min(int(place), len(RAMP) - 2)
    part = place - start
    red, green, blue = (
        round(a + (b - a) * part) for a, b in zip(RAMP[start], RAMP[start + 1], strict=True)
    )
    return red, green, blue


def is_dark(colour: Colour) -> bool:
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] < 128


def hexadecimal(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _variables(dark: bool) -> str:
    return "".join(f"--bt-{p.name}:{p.dark if dark else p.light};" for p in PAINTS)


# What a page needs that holds pictures; it follows the system, or `data-theme` of its root.
STYLE = (
    f":root{{{_variables(False)}}}\n"
    f'@media(prefers-color-scheme:dark){{:root:not([data-theme="light"]){{{_variables(True)}}}}}\n'
    f':root[data-theme="dark"]{{{_variables(True)}}}\n'
    f"@media print{{:root:root:root{{{_variables(False)}}}}}\n"
    + "".join(
        f".bt-f-{p.name}{{fill:var(--bt-{p.name})}}.bt-s-{p.name}{{stroke:var(--bt-{p.name})}}\n"
        for p in PAINTS
    )
)
