"""Who may ask: the right host, the token, and for whatever changes something the right origin."""

from __future__ import annotations

import ipaddress
import json
import secrets
from collections.abc import Collection
from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, quote, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_SAFE = ("GET", "HEAD")
_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_CLOSED = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>bt-lake</title>
<h1>This page needs its token</h1>
<p>Open the whole address that <code>bt-lake page</code> printed; it ends in
<code>?token=...</code>. A server that was started again has printed a new one.</p>
</html>
"""


def new_token() -> str:
    return secrets.token_urlsafe(24)


class Guarded:
    """An app behind its checks.

    The token comes once in the address, and is a cookie from then on: of this port, since cookies
    are the same on all ports of a host. Scripts may send it as `Authorization: Bearer TOKEN`; no
    page of another origin can, so that these need no `Origin`.
    """

    def __init__(self, app: ASGIApp, *, token: str, port: int, hosts: Collection[str]) -> None:
        self._app = app
        self._token = token.encode()
        self._cookie = f"bt_lake_{port}"
        self._hosts = frozenset(name.lower() for name in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, _with_headers(scope, send))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if not self._known(host):
            await _say(
                scope, send, 421, "this server is not called so; open the address it printed"
            )
            return
        asked = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [value for name, value in asked if name == "token"]
        if given and scope["method"] == "GET" and self._right(given[-1]):
            await self._let_in(scope, send, asked)
            return
        bearer = headers.get(b"authorization", "").partition("Bearer ")[2]
        if not (self._right(bearer) or self._right(self._kept(headers.get(b"cookie", "")))):
            await _say(scope, send, 403, "the token is missing or wrong", _CLOSED)
            return
        own = headers.get(b"origin") == f"{scope['scheme']}://{host}"
        if scope["method"] not in _SAFE and not own and not bearer:
            await _say(scope, send, 403, "only the page itself may change something")
            return
        await self._app(scope, receive, send)

    def _known(self, host: str) -> bool:
        """A name that somebody else's DNS may lead here is refused; an address is none."""
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        name = name.strip("[]").lower()
        return name in self._hosts or ("*" in self._hosts and _is_address(name))

    def _right(self, token: str) -> bool:
        return compare_digest(token.encode("utf-8", "replace"), self._token)

    def _kept(self, cookies: str) -> str:
        try:
            found = SimpleCookie(cookies).get(self._cookie)
        except CookieError:
            return ""
        return found.value if found else ""

    async def _let_in(self, scope: Scope, send: Send, asked: list[tuple[str, str]]) -> None:
        """Keep the token, and take it out of the address, its history and whoever is told it."""
        rest = urlencode([(name, value) for name, value in asked if name != "token"])
        path = "/" + quote(scope["path"].lstrip("/\\"))  # never the name of another host
        cookie = f"{self._cookie}={self._token.decode()}; Path=/; HttpOnly; SameSite=Strict"
        headers = {"location": path + ("?" + rest if rest else ""), "set-cookie": cookie}
        await _send(send, 303, b"", headers)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _with_headers(scope: Scope, send: Send) -> Send:
    # Files of the page are asked for again, but not sent again where they are the same.
    kept = "no-cache" if scope["path"].startswith("/static/") else "no-store"

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            headers = {**_HEADERS, "cache-control": kept}
            more = [(name.encode(), value.encode()) for name, value in headers.items()]
            message["headers"] = [*message["headers"], *(h for h in more if h[0] not in given)]
        await send(message)

    return with_headers


async def _say(scope: Scope, send: Send, status: int, error: str, page: str = "") -> None:
    if page and not scope["path"].startswith("/api/"):
        await _send(send, status, page.encode(), {"content-type": "text/html; charset=utf-8"})
    else:
        body = json.dumps({"error": error}).encode()
        await _send(send, status, body, {"content-type": "application/json"})


async def _send(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    told = {**headers, "content-length": str(len(body))}
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in told.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})
