"""Put the pages of the site together in .site/: those of the repository, as they lie, and one that
is made from the docstrings. What links to a file that is no page stays out of the link check.

python docs/make_site.py
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / ".site"
PAGES = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "lake/FORMAT.md"]
REFERENCE = """# Python reference

Made from the docstrings. By examples: [Python](docs/python.md).

::: bt_lake.open

::: bt_lake.lake.Lake

::: bt_lake.ingest.run.Run

::: bt_lake.ingest.batch.Batch

::: bt_lake.running.sweep.Swept

::: bt_lake.queries.detail.Detail

::: bt_lake.errors
    options:
      members: true
"""
LINK = re.compile(r"\[([^\]]*)\]\((?!\w+:|#)([^)#\s]+)(#[^)]*)?\)")


def main() -> None:
    shutil.rmtree(SITE, ignore_errors=True)
    pages = [ROOT / name for name in PAGES] + sorted((ROOT / "docs").glob("*.md"))
    pictures = sorted((ROOT / "docs").rglob("*.svg"))
    photographs = sorted((ROOT / "docs" / "page").glob("*.png"))
    kept = {page.resolve() for page in pages + pictures + photographs}
    for page in pages:
        write(
            page,
            LINK.sub(lambda found, page=page: link(page, found, kept), page.read_text("utf-8")),
        )
    for picture in pictures:
        write(picture, picture.read_text("utf-8"))
    for photograph in photographs:
        target = SITE / photograph.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(photograph, target)
    (SITE / "reference.md").write_text(REFERENCE, "utf-8")


def link(page: Path, found: re.Match[str], kept: set[Path]) -> str:
    """As it is where the target is on the site; a path of the repository where it is not."""
    target = (page.parent / found[2]).resolve()
    if target in kept:
        return found[0]
    if not target.exists():
        raise SystemExit(f"{page.relative_to(ROOT)}: there is no {found[2]}")
    return f"{found[1]} (`{target.relative_to(ROOT)}`)"


def write(page: Path, text: str) -> None:
    target = SITE / page.relative_to(ROOT)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
