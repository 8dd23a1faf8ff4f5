"""Numbers as people write them: 1,234.50 and 1.234,50 and ($410.16) and 2 875.78."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from bt_lake.ingest.numbers import Floats
from bt_lake.ingest.times import shown
from bt_lake.warehouse.errors import BadInput

# Whatever separates thousands besides the other mark, and what stands around a figure.
_BLANKS = dict.fromkeys(map(ord, " \t\u00a0\u2007\u2009\u202f'\u2019"))
_AROUND = re.compile(r"[$€£¥₹₽₩₺₫฿]|^[A-Z]{2,5}\s+|(?<!\s)\s++(?:[A-Z]{2,5}|%)$|%$")
_NUMBER = re.compile(r"[+-]?(?:\d++\.?\d*+|\.\d++)(?:[eE][+-]?\d{1,3})?")
UNDEFINED = {"", "-", "--", "n/a", "na", "nan", "inf", "-inf", "∞", "1.#inf", "-1.#inf", "1.#qnan",
             "-1.#ind", "1.#ind", "-nan(ind)", "nan(ind)"}  # fmt: skip
# A mark with one, two or more than three digits behind it, or with a lone 0 or four before it.
_DECISIVE = {
    mark: re.compile(
        rf"(?<![\d.,])(?:\d{{4,}}\{mark}\d|0?\{mark}\d|\d+\{mark}(?:\d{{1,2}}|\d{{4,}})(?!\d))(?![\d]*[.,])"
        rf"|\d\{other}\d{{3}}\{mark}\d|\d\{other}\d{{3}}\{other}\d{{3}}"
    )
    for mark, other in ((".", ","), (",", "."))
}
_UNDECIDED = re.compile(r"(?<![\d.,])[1-9]\d{0,2}[.,]\d{3}(?![\d.,])")


class Figures:
    """The way one file writes its numbers."""

    def __init__(self, decimal: str = ".") -> None:
        self.decimal = decimal
        self._may_have_underscores = True  # which Python takes for a part of a number
        self._thousands = "," if decimal == "." else "."

    @classmethod
    def of(cls, texts: Iterable[str], given: str | None = None) -> Figures:
        """By the figures themselves; refused where they can be read two ways."""
        if given is not None:
            return cls(given)
        joined = "\n".join(texts)
        found = {
            mark: pattern.search(joined) if mark in joined else None
            for mark, pattern in _DECISIVE.items()
        }
        point, comma = found["."], found[","]
        if point and comma:
            raise BadInput(
                f"{_line(joined, point)} has a decimal point and {_line(joined, comma)} a decimal "
                "comma; say which it is with --decimal . or --decimal ,"
            )
        if not point and not comma and (doubt := _UNDECIDED.search(joined)):
            raise BadInput(
                f"{shown(doubt.group())} can be read as a thousand or as a fraction, and no "
                "number of the file decides it; say which with --decimal . or --decimal ,"
            )
        figures = cls("," if comma else ".")
        figures._may_have_underscores = "_" in joined
        return figures

    def column(self, cells: Sequence[Any], places: Sequence[str], name: str) -> Floats:
        """The figures of a column, NaN where there is none; cells may be numbers already."""
        if self.decimal == "." and not (
            self._may_have_underscores and any("_" in cell for cell in cells if type(cell) is str)
        ):
            try:
                values = np.array([math.nan if cell == "" else float(cell) for cell in cells])
            except (TypeError, ValueError):
                pass
            else:
                return np.where(np.isfinite(values), values, np.nan)
        values = np.full(len(cells), np.nan)
        for row, cell in enumerate(cells):
            try:
                value = self.number(cell) if isinstance(cell, str) else cell
            except ValueError as error:
                raise BadInput(f"{places[row]}, {name}: {error}") from None
            values[row] = np.nan if value is None else value
        return values

    def number(self, text: str) -> float | None:
        """A figure, None where there is none; raises ValueError for what is no number."""
        if self.decimal == "." and "_" not in text:
            try:
                value = float(text)
            except ValueError:
                pass
            else:
                return value if math.isfinite(value) else None
        return self._number(text)

    def _number(self, text: str) -> float | None:
        plain = _AROUND.sub("", text.strip()).translate(_BLANKS).replace("\u2212", "-")
        if plain.lower() in UNDEFINED:
            return None
        sign = -1.0 if plain.startswith("(") and plain.endswith(")") else 1.0
        if sign < 0:
            plain = plain[1:-1]
        plain = plain.replace(self._thousands, "").replace(self.decimal, ".")
        if not _NUMBER.fullmatch(plain):
            raise ValueError(f"{shown(text)} is not a number")
        return sign * float(plain)


def digits(text: str, decimal: str = ".") -> int:
    """How many digits a figure shows behind its decimal mark."""
    at = text.rfind(decimal)
    if at < 0:
        return 0
    fraction = text[at + 1 :]
    return len(fraction) if fraction.isdigit() else sum(map(str.isdigit, fraction))


def _line(joined: str, match: re.Match[str]) -> str:
    start = joined.rfind("\n", 0, match.start()) + 1
    end = joined.find("\n", match.end())
    return shown(joined[start : end if end >= 0 else None])
