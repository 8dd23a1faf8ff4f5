"""What the page changes in the lake: tags, notes, deleting and restoring; and what it takes out."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeGuard

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from bt_lake.lake import Lake
from bt_lake.page import asked as given
from bt_lake.page.settings import Settings
from bt_lake.page.told import told
from bt_lake.page.turns import Turns
from bt_lake.warehouse.errors import BadInput, UnknownName

_MOST_BYTES = 1_000_000
_MOST_RUNS = 10_000
_MOST_TEXT = 10_000
_KINDS = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
_ACTS: dict[str, Callable[[Lake, str, list[str]], int]] = {
    "tag": lambda lake, text, runs: lake.tag(text, runs),
    "untag": lambda lake, text, runs: lake.untag(text, runs),
    "note": lambda lake, text, runs: lake.note(text, runs),
    "delete": lambda lake, _, runs: lake.delete(runs),
    "restore": lambda lake, _, runs: lake.restore(runs),
}
_WITHOUT_TEXT = ("delete", "restore")


def routes(turns: Turns, settings: Settings) -> list[Route]:
    async def mark(request: Request) -> Response:
        if settings.read_only:
            return told({"error": "this page only reads: it was started with --read-only"}, 403)
        body = await sent(request)
        act, text, runs = body.get("act"), body.get("text", ""), body.get("runs")
        if act not in _ACTS:
            raise UnknownName.near("act", str(act), _ACTS, f" There are {', '.join(_ACTS)}.")
        if not _are_texts(runs) or not 0 < len(runs) <= _MOST_RUNS:
            raise BadInput(f"runs: a list of ids, at most {_MOST_RUNS:,}")
        if not isinstance(text, str) or len(text) > _MOST_TEXT:
            raise BadInput(f"text: a text, at most {_MOST_TEXT:,} characters")
        if act not in _WITHOUT_TEXT and not text.strip():
            raise BadInput(f"{act}: which text?")
        marked = await turns.ask(request, lambda lake: _ACTS[act](lake, text.strip(), runs))
        return told({"marked": marked})

    async def export(request: Request) -> Response:
        kind = request.path_params["kind"]
        if kind not in _KINDS:
            raise UnknownName.near("kind of file", kind, _KINDS, f" There are {', '.join(_KINDS)}.")
        filters = given.filters(request.query_params)
        if request.query_params.get("runs"):
            filters["run_ids"] = given.runs(request.query_params, most=_MOST_RUNS)
        folder = Path(tempfile.mkdtemp(prefix="bt-lake-page-"))
        file = folder / f"runs.{kind}"
        away = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
        try:
            await turns.ask(
                request, lambda lake: lake.export(file, spread_params=True, **filters), slow=True
            )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return FileResponse(file, media_type=_KINDS[kind], filename=file.name, background=away)

    async def report(request: Request) -> Response:
        runs = given.runs(request.query_params)
        page = await turns.ask(request, lambda lake: lake.report(runs).html(), slow=True)
        # Saved, never shown from here: it has styles of its own, which this server forbids.
        headers = {"content-disposition": 'attachment; filename="report.html"'}
        return HTMLResponse(page, headers=headers)

    return [
        Route("/api/report", report),
        Route("/api/mark", mark, methods=["POST"]),
        Route("/api/export/{kind}", export),
    ]


def _are_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


async def sent(request: Request) -> dict[str, Any]:
    """The JSON object that came with a request."""
    text = b""
    async for piece in request.stream():
        text += piece
        if len(text) > _MOST_BYTES:
            raise BadInput(f"more than {_MOST_BYTES:,} bytes")
    try:
        body = json.loads(text)
    except ValueError:
        raise BadInput("the request is no JSON") from None
    if not isinstance(body, dict):
        raise BadInput("the request is no JSON object")
    return body
