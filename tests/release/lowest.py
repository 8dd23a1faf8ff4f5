"""Print the lowest versions that pyproject.toml allows, as requirements: for `make bounds-check`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))


def lowest(requirement: str) -> str:
    found = re.match(r"([\w-]+)>=([\d.]+)", requirement)
    if found is None:
        raise SystemExit(f"{requirement!r} has no lower bound")
    return f"{found[1]}=={found[2]}"


if __name__ == "__main__":
    print(*map(lowest, PROJECT["project"]["dependencies"]), sep="\n")
