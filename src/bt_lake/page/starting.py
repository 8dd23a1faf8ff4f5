"""Addresses below /api/ that run something: what was allowed, and only by the page itself."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bt_lake.page.jobs import Jobs
from bt_lake.page.marks import sent
from bt_lake.page.settings import Settings
from bt_lake.page.told import told
from bt_lake.warehouse.errors import BadInput, UnknownName
from bt_lake.warehouse.schema import TOLD

_TEXTS = ("start", "end", "strategy", "sweep")
_WHOLE = ("random", "seed", "folds")
_OPTIONS = (*TOLD, *_TEXTS, *_WHOLE, "train", "conditions")
_KEYS = ("target", "params", "grid", "options", "metric", "jobs", "keep_going")
_MOST_JOBS = 256


def routes(jobs: Jobs, settings: Settings) -> list[Route]:
    async def functions(_: Request) -> Response:
        return told({"functions": settings.allowed.functions()})

    async def parameters(request: Request) -> Response:
        if refused := _refusal(settings):
            return refused
        target = settings.allowed.check((await sent(request)).get("target"))
        return told({"parameters": await jobs.describe(target)})

    async def start(request: Request) -> Response:
        if refused := _refusal(settings):
            return refused
        body = await sent(request)
        target = settings.allowed.check(body.get("target"))
        job = await jobs.start(target, _asked(body))
        return told({"id": job.id})

    async def every(_: Request) -> Response:
        return told({"jobs": jobs.all()})

    async def stop(request: Request) -> Response:
        return told({"state": jobs.stop(request.path_params["id"]).state})

    return [
        Route("/api/functions", functions),
        Route("/api/parameters", parameters, methods=["POST"]),
        Route("/api/jobs", start, methods=["POST"]),
        Route("/api/jobs", every, methods=["GET"]),
        Route("/api/jobs/{id:int}/stop", stop, methods=["POST"]),
    ]


def _refusal(settings: Settings) -> Response | None:
    if settings.read_only:
        return told({"error": "this page only reads: it was started with --read-only"}, 403)
    return None


def _asked(body: dict[str, Any]) -> dict[str, Any]:
    """What is to be run, of the types that the lake takes; everything else is refused."""
    for name in body:
        if name not in _KEYS:
            raise UnknownName.near("key", name, _KEYS, f" There are {', '.join(_KEYS)}.")
    options = body.get("options") or {}
    if not isinstance(options, dict):
        raise BadInput("options: an object")
    for name, value in options.items():
        _check_option(name, value)
    jobs = body.get("jobs")
    if jobs is not None and not (_is_whole(jobs) and 1 <= jobs <= _MOST_JOBS):
        raise BadInput(f"jobs: from 1 to {_MOST_JOBS}")
    metric = body.get("metric") or "sharpe_ratio"
    if not isinstance(metric, str):
        raise BadInput("metric: a text")
    return {
        "params": _texts("params", body.get("params")),
        "grid": _texts("grid", body.get("grid")),
        "options": options,
        "metric": metric,
        "jobs": jobs,
        "keep_going": body.get("keep_going") is True,
    }


def _check_option(name: str, value: Any) -> None:
    if name not in _OPTIONS:
        raise UnknownName.near("option", name, _OPTIONS, f" There are {', '.join(_OPTIONS)}.")
    if value is None:
        return
    if name in _WHOLE:
        fits = _is_whole(value)
    elif name == "train":
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    elif name in _TEXTS:
        fits = isinstance(value, str)
    else:
        fits = isinstance(value, list) and all(isinstance(each, str) for each in value)
    if not fits:
        raise BadInput(f"{name}: {value!r} is of the wrong kind")


def _texts(name: str, given: Any) -> dict[str, str]:
    found = given or {}
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise BadInput(f"{name}: an object of texts, as they are typed on the command line")
    return found


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
