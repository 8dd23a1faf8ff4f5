"""Watch folders: ingest what appears in them, once it has stopped growing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from typing import Any

from bt_lake.ingest.pipeline import ingest_sources
from bt_lake.ingest.report import IngestReport
from bt_lake.ingest.settling import has_a_writer
from bt_lake.ingest.walk import Source, sources
from bt_lake.warehouse.store import Store


def watch(
    store: Store, paths: Iterable[str | os.PathLike[str]], *, every_s: float = 2.0, **options: Any
) -> Iterator[IngestReport]:
    """A report whenever something new was found; goes on until the caller stops.

    A file is read when two looks at it, `every_s` apart, found it the same; it is read again only
    when it changes. The options are those of `ingest`.
    """
    paths = list(paths)
    taken: set[Source] = set()
    before: set[Source] = set()
    while True:
        now = sources(paths, store.path)
        settled = [
            source
            for source in now
            if source in before and source not in taken and not has_a_writer(source.path)
        ]
        if settled:
            taken.update(settled)
            yield ingest_sources(store, settled, **options)
        before = set(now)
        time.sleep(every_s)
