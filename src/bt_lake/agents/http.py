"""The server on a port of this machine, behind a token."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp.server import MCPServer

HOST = "127.0.0.1"


def serve(
    made: MCPServer, port: int, token: str | None, started: Callable[[str, str], None]
) -> None:
    """Until Ctrl-C; `started` is told the address and the token."""
    import uvicorn

    token = token or secrets.token_urlsafe(24)
    app = Guarded(made.streamable_http_app(host=HOST), token)
    started(f"http://{HOST}:{port}/mcp", token)
    uvicorn.run(app, host=HOST, port=port, log_level="warning")


class Guarded:
    """An app that answers who has the token, in the header `Authorization: Bearer TOKEN`."""

    def __init__(self, app: Any, token: str) -> None:
        self._app = app
        self._token = f"Bearer {token}".encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        given = dict(scope.get("headers") or ()).get(b"authorization", b"")
        if scope["type"] == "http" and not compare_digest(given, self._token):
            headers = [(b"content-type", b"text/plain"), (b"www-authenticate", b"Bearer")]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": b"the token is missing or wrong\n"})
        elif scope["type"] != "websocket":
            await self._app(scope, receive, send)
