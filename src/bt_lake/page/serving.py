"""The server of the page: its socket, its address, its end."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from bt_lake.warehouse.errors import BadInput, MissingExtra

try:
    import starlette  # noqa: F401
    import uvicorn
except ModuleNotFoundError as missing:
    raise MissingExtra.needs("the page", "page") from missing

from bt_lake.page.allowed import Allowed
from bt_lake.page.app import app
from bt_lake.page.guarded import LOOPBACK, new_token
from bt_lake.page.settings import Settings
from bt_lake.page.turns import still_busy

PORT = 8321
_NEXT = 20  # ports to try where that one is taken
_SHORTEST_TOKEN = 16
_EVERYWHERE = ("0.0.0.0", "::")
_AGAIN_S = 1.0
_STILL_S = 3  # for connections that are open when it ends


def serve(
    lake: Path,
    *,
    existing: bool = False,
    wait_s: float = 60.0,
    host: str = "127.0.0.1",
    port: int | None = None,
    read_only: bool = False,
    allow: Sequence[str] = (),
    started: Callable[[str], None] = lambda url: None,
) -> bool:
    """Serve until Ctrl-C or SIGTERM; `started` is told the address with its token.

    Gives whether a thread still computes what nobody waits for, and would keep the process.
    """
    with contextlib.closing(_socket(host, port)) as listening:
        bound = listening.getsockname()[1]
        settings = Settings(
            lake, existing, wait_s, bound, _token(), _hosts(host), Allowed(allow), read_only
        )
        config = uvicorn.Config(
            app(settings),
            log_level="warning",
            access_log=False,  # addresses hold the token
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=_STILL_S,
        )
        server = _Server(config, settings)
        server.said = lambda: started(f"http://{_shown(host)}:{bound}/?token={settings.token}")
        server.run(sockets=[listening])
    return still_busy()


class _Server(uvicorn.Server):
    """One that ends when it is told to, and takes that for no error."""

    said: Callable[[], None]

    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config)
        self._settings = settings
        self._told_at = 0.0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.said()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {each: signal.signal(each, self._told) for each in _signals()}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def _told(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.should_exit:
            self._told_at = now
        # The same key press may come twice, from the terminal and from who started us.
        self.force_exit = now - self._told_at > _AGAIN_S
        self.should_exit = True
        self._settings.end()


def _signals() -> Sequence[int]:
    return [getattr(signal, name) for name in ("SIGINT", "SIGTERM") if hasattr(signal, name)]


def _socket(host: str, port: int | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    tried = [port] if port is not None else [*range(PORT, PORT + _NEXT), 0]
    for number in tried:
        try:
            return socket.create_server((host, number), family=family)
        except OSError as error:
            known = error.errno is not None and error.errno > 0  # a name that leads nowhere is not
            reason = os.strerror(error.errno or 0) if known else str(error)
            why = f"{host} port {number}: {reason}"
            if error.errno != errno.EADDRINUSE:
                raise BadInput(why) from None
    raise BadInput(f"{why}. --port 0 takes one that is free")


def _hosts(host: str) -> frozenset[str]:
    """What the server may be called: its own address, or any where it listens on all."""
    if host in _EVERYWHERE:
        return LOOPBACK | {"*", socket.gethostname().lower(), socket.getfqdn().lower()}
    return LOOPBACK | {host.lower()}


def _shown(host: str) -> str:
    name = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)
    return f"[{name}]" if ":" in name else name


def _token() -> str:
    """A new one, or that of $BT_LAKE_PAGE_TOKEN, with which open pages outlive the server."""
    given = os.environ.get("BT_LAKE_PAGE_TOKEN", "")
    if given and (len(given) < _SHORTEST_TOKEN or not given.isalnum() or not given.isascii()):
        raise BadInput(
            f"BT_LAKE_PAGE_TOKEN: at least {_SHORTEST_TOKEN} letters and digits, nothing else"
        )
    return given or new_token()
