"""The colours of the page: what is read stands out from what it is written on (WCAG 2 AA)."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

STYLE = Path(sys.modules["bt_lake"].__file__).parent / "page" / "static" / "style.css"
TEXT, SHAPE = 4.5, 3.0
GROUNDS = ("--ground", "--paper", "--hover", "--current")
LINES = tuple(f"--line-{n}" for n in range(1, 7))


def themes() -> dict[str, dict[str, str]]:
    light, dark, chosen = re.findall(
        r":root[^{]*\{\s*color-scheme: \w+;([^}]*)\}", STYLE.read_text("utf-8")
    )
    read = [dict(re.findall(r"(--[\w-]+): (#\w+);", part)) for part in (light, dark, chosen)]
    assert read[1] == read[2], "dark by the system and dark by choice are two themes"
    return {"light": read[0], "dark": read[1]}


def shining(colour: str) -> float:
    """Relative luminance."""
    digits = colour.lstrip("#")
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    dark, bright = sorted((shining(one), shining(other)))
    return (bright + 0.05) / (dark + 0.05)


def test_contrast_is_what_wcag_says_it_is():
    assert contrast("#fff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_read_stands_out(theme: str):
    colours = themes()[theme]
    pairs = [(ink, ground, TEXT) for ink in ("--ink", "--dim", "--accent") for ground in GROUNDS]
    pairs += [
        (ink, ground, TEXT) for ink in ("--good", "--bad", "--luck") for ground in GROUNDS[:3]
    ]
    pairs += [
        ("--on-accent", "--accent", TEXT),
        ("--ground", "--ink", TEXT),
        ("--ground", "--bad", TEXT),
    ]
    shapes = (*LINES, "--bars", "--down", "--field")
    pairs += [(shape, ground, SHAPE) for shape in shapes for ground in GROUNDS[:2]]
    weak = {
        f"{ink} on {ground}": round(found, 2)
        for ink, ground, needed in pairs
        if (found := contrast(colours[ink], colours[ground])) < needed
    }
    assert weak == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_strongest_months_can_be_read(theme: str):
    colours = themes()[theme]
    (most,) = re.findall(r"/ most\) \* (\d+)", (STYLE.parent / "monthly.js").read_text("utf-8"))
    for shade in ("--up", "--down"):
        mixed = mix(colours[shade], colours["--ground"], int(most) / 100)
        assert contrast(colours["--ink"], mixed) >= TEXT, shade


def mix(one: str, other: str, share: float) -> str:
    parts = [
        round(
            share * int(one[place : place + 2], 16)
            + (1 - share) * int(other[place : place + 2], 16)
        )
        for place in (1, 3, 5)
    ]
    return "#{:02x}{:02x}{:02x}".format(*parts)


def test_numbers_on_the_colours_of_a_heatmap_stand_out():
    text = (STYLE.parent / "sweep.js").read_text("utf-8")
    shades = re.findall(r'"(#\w{6})"', text[text.index("SHADES = [") :])[:11]
    bright = int(re.search(r"shade > (\d+)", text)[1])
    for place, shade in enumerate(shades):
        assert contrast(shade, "#000" if place > bright else "#fff") >= TEXT, (place, shade)
