"""Write docs/cli.md from the help of the commands: `python docs/make_cli.py`."""

from __future__ import annotations

from pathlib import Path

from bt_lake.cli.help import manual

PAGE = Path(__file__).with_name("cli.md")

if __name__ == "__main__":
    PAGE.write_text(manual(), "utf-8")
