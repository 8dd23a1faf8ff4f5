"""Write docs/picture.svg: what a terminal of 80 columns shows of the demo lake.

python docs/picture.py
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from html import escape
from pathlib import Path

PICTURE = Path(__file__).with_name("picture.svg")
QUESTIONS = (
    "best sharpe_ratio -n 5 --strategy sma_cross --deflate",
    "sweep sma_cross -x fast -y slow",
)
COLUMNS, WIDTH, HEIGHT, MARGIN = 80, 8.4, 19, 18  # of a terminal; of a character, in pixels
GROUND, INK, DIM = "#0d1117", "#d6dde6", "#8b949e"
NAMED = {"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "36": "#79c0ff"}
STYLED = re.compile(r"\x1b\[([\d;]*)m")


def demo_lake(folder: Path) -> Path:
    lake = folder / "lake"
    demo = [sys.executable, "-m", "bt_lake", "--lake", str(lake), "demo"]
    subprocess.run(demo, check=True, capture_output=True)
    return lake


def screen(lake: Path) -> str:
    """The commands, and what each of them shows."""
    return "\n".join(f"$ bt-lake {asked}\n{shown(lake, asked)}" for asked in QUESTIONS)


def shown(lake: Path, asked: str) -> str:
    import pty  # only where terminals are files

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "bt_lake", "--lake", str(lake), *shlex.split(asked)]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        pieces = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    if process.returncode:
        raise SystemExit(f"{asked}: {pieces.decode()}")
    return pieces.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # so Linux ends a pseudo-terminal
        return b""


def parts(line: str) -> Iterator[tuple[str, list[str]]]:
    """Stretches of a line, and the codes of the style they are in."""
    codes: list[str] = []
    for place, piece in enumerate(STYLED.split(line)):
        if place % 2:
            codes = [code for code in piece.split(";") if code not in ("", "0")]
        elif piece:
            yield piece, codes


def cube(number: int) -> str:
    """A colour of the 6 x 6 x 6 cube of 256 colours."""
    levels = (0, 95, 135, 175, 215, 255)
    place = number - 16
    return f"rgb({levels[place // 36]},{levels[place // 6 % 6]},{levels[place % 6]})"


def drawn(text: str, codes: list[str], x: float, y: float) -> str:
    long, made = len(text) * WIDTH, ""
    fill = next((NAMED[code] for code in codes if code in NAMED), DIM if "2" in codes else INK)
    if codes[:2] == ["38", "5"]:
        fill, ground = cube(int(codes[2])), cube(int(codes[5]))
        made = (
            f'<rect x="{x:.1f}" y="{y - 14}" width="{long:.1f}" height="{HEIGHT}" fill="{ground}"/>'
        )
    weight = ' font-weight="bold"' if "1" in codes else ""
    return (
        f'{made}<text x="{x:.1f}" y="{y}" textLength="{long:.1f}" fill="{fill}"{weight}>'
        f"{escape(text)}</text>"
    )


def picture(text: str) -> str:
    lines = text.rstrip("\n").split("\n")
    wide, high = COLUMNS * WIDTH + 2 * MARGIN, len(lines) * HEIGHT + 2 * MARGIN
    body = []
    for row, line in enumerate(lines):
        x, y = float(MARGIN), MARGIN + row * HEIGHT + 14
        codes_of_line = ["1"] if line.startswith("$ ") else []
        for piece, codes in parts(line):
            if piece.strip() or codes:
                body.append(drawn(piece, codes or codes_of_line, x, y))
            x += len(piece) * WIDTH
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high}" '
            f'width="{wide:.0f}" height="{high}" font-size="14" xml:space="preserve" '
            'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace">',
            f'<rect width="100%" height="100%" rx="8" fill="{GROUND}"/>',
            *body,
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PICTURE.write_text(picture(screen(demo_lake(Path(folder)))), "utf-8")
