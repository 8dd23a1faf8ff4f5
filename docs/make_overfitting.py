"""Ask the demo lake what docs/overfitting.md asks, and write below each question what it says.

python docs/make_overfitting.py
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from picture import STYLED, demo_lake, shown

PAGE = Path(__file__).with_name("overfitting.md")
BLOCK = re.compile(r"^```console\n\$ bt-lake (?P<asked>.*)\n(?P<says>(?:.*\n)*?)```\n", re.M)


def answers(page: str, lake: Path) -> Iterator[tuple[str, str, str]]:
    """What is asked, what the page says to it, and what the lake says."""
    for found in BLOCK.finditer(page):
        shows = STYLED.sub("", shown(lake, found["asked"]))
        yield found["asked"], found["says"], re.sub(r"(\n|\s· )[\d.]+ m?s$", "", shows, flags=re.M)


def plain(text: str) -> str:
    """Without the ids of runs, and where lines are folded, which the time taken decides."""
    return " ".join(re.sub(r"…[0-9a-f]{8}", "…", text).split())


def main() -> None:
    page = PAGE.read_text("utf-8")
    with tempfile.TemporaryDirectory() as folder:
        found = list(answers(page, demo_lake(Path(folder))))
    blocks = iter(
        f"```console\n$ bt-lake {asked}\n{says if plain(says) == plain(shows) else shows}```\n"
        for asked, says, shows in found
    )
    PAGE.write_text(BLOCK.sub(lambda _: next(blocks), page), "utf-8")


if __name__ == "__main__":
    main()
