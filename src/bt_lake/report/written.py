"""A report that writes itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from html import escape
from pathlib import Path

from bt_lake.report.document import Document
from bt_lake.report.markdown import markdown
from bt_lake.report.page import page
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.wholefile import whole_file

KINDS = (".html", ".md")


@dataclass(frozen=True, repr=False)
class Report(Document):
    """One self-contained page: `.html()`, `.markdown()`, `.save("report.html")`."""

    def html(self) -> str:
        """A page without a script or anything from elsewhere."""
        return page(self)

    def markdown(self) -> str:
        """Tables and words, for a pull request; the pictures are in the page."""
        return markdown(self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """To a file; its ending tells how: .html or .md."""
        target = Path(path)
        check_kind(target)
        text = self.html() if target.suffix.lower() == ".html" else self.markdown()
        with whole_file(target) as file:
            file.write(text.encode("utf-8"))
        return target

    def __repr__(self) -> str:
        names = ", ".join(part.title for part in self.parts if part.title)
        return f"Report({self.title}: {names})"

    def _repr_html_(self) -> str:
        whole = escape(self.html(), quote=True)
        return f'<iframe srcdoc="{whole}" style="width:100%;height:80vh;border:0"></iframe>'


def check_kind(path: Path) -> None:
    """Refuse a name we cannot write to, before anything is asked of the lake."""
    if path.suffix.lower() not in KINDS:
        raise BadInput(f"cannot write a report to {path.name}: end it with {', '.join(KINDS)}")
