"""Every address of the page, and what answers it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from bt_lake._version import __version__
from bt_lake.lake import Lake
from bt_lake.page import judged, kept, marks, starting, views
from bt_lake.page.guarded import Guarded
from bt_lake.page.jobs import Jobs
from bt_lake.page.settings import Settings
from bt_lake.page.told import refused, told
from bt_lake.page.turns import Turns
from bt_lake.page.watching import Watcher
from bt_lake.warehouse.errors import LakeError

STATIC = Path(__file__).parent / "static"
_CLOSED_EARLY = 499
# Each is the same document; its script draws what the address says.
_VIEWS = (
    "/", "/runs", "/run/{run:path}", "/compare", "/sweep", "/sweep/{strategy:path}", "/overfit",
    "/new", "/lake",
)  # fmt: skip


def app(settings: Settings) -> ASGIApp:
    """The whole server, behind its checks."""

    def make() -> Lake:
        return Lake(settings.lake, existing=settings.existing, wait=settings.wait_s)

    turns = Turns(make)
    watcher = Watcher(make())
    settings.at_end(watcher.end)
    settings.at_end(turns.let_go)
    jobs = Jobs(settings, watcher.say)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        turns.begin()
        yield
        watcher.end()
        await jobs.end()
        turns.end()

    async def about(_: Request) -> Response:
        return told({**views.words(), "version": __version__, **settings.told()})

    async def live(_: Request) -> Response:
        return StreamingResponse(watcher.events(), media_type="text/event-stream")

    def reading(question: Callable[[Lake, Request], Any], *, slow: bool = False) -> views.View:
        return views.reading(turns, question, slow=slow)

    routes = [
        *(Route(path, _document) for path in _VIEWS),
        Mount("/static", StaticFiles(directory=STATIC)),
        Route("/api/about", about),
        Route("/api/live", live),
        Route("/api/runs", reading(views.runs)),
        Route("/api/count", reading(views.count)),
        Route("/api/facets", reading(views.facets)),
        Route("/api/histogram", reading(views.histogram)),
        Route("/api/names", reading(views.names)),
        Route("/api/near", reading(views.near)),
        Route("/api/search", reading(views.search)),
        Route("/api/curve", reading(views.curve)),
        Route("/api/compare", reading(judged.compare)),
        Route("/api/mix", reading(judged.mix)),
        Route("/api/importance/{strategy:path}", reading(judged.importance, slow=True)),
        Route("/api/strategies", reading(judged.strategies)),
        Route("/api/axes/{strategy:path}", reading(judged.axes)),
        Route("/api/sweep/{strategy:path}", reading(judged.sweep)),
        Route("/api/parallel/{strategy:path}", reading(judged.parallel)),
        Route("/api/best", reading(judged.best, slow=True)),
        Route("/api/overfit", reading(judged.overfit, slow=True)),
        Route("/api/info", reading(kept.info)),
        Route("/api/check", reading(kept.check, slow=True)),
        Route("/api/drawdowns/{run:path}", reading(judged.drawdowns)),
        Route("/api/rolling/{run:path}", reading(judged.rolling)),
        Route("/api/returns/{run:path}", reading(judged.returns)),
        Route("/api/run/{run:path}", reading(views.run)),
        Route("/api/trades/{run:path}", reading(views.trades)),
        *marks.routes(turns, settings),
        *starting.routes(jobs, settings),
    ]
    made = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={
            LakeError: _refused,
            HTTPException: _no_such_address,
            ClientDisconnect: _nobody_waits,
            Exception: _bug,
        },
    )
    return Guarded(made, token=settings.token, port=settings.port, hosts=settings.hosts)


async def _document(_: Request) -> Response:
    return FileResponse(STATIC / "index.html")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, LakeError)
    return refused(error)


async def _no_such_address(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return told({"error": f"{request.url.path}: {error.detail}"}, error.status_code)


async def _bug(_: Request, error: Exception) -> Response:
    """Its traceback goes to stderr."""
    said = (
        f"this is a bug in bt-lake: {type(error).__name__}. Please report what its server printed"
    )
    return told({"error": said, "kind": "Bug"}, 500)


async def _nobody_waits(_: Request, __: Exception) -> Response:
    return Response(status_code=_CLOSED_EARLY)
