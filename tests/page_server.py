"""The page's server as a process of its own, and somebody who asks it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from cli_lake import COMMAND, environment

TOKEN = "0123456789abcdef0123"
SLOW = "(select sum(a.range * b.range) from range(100_000_000) a, range(100_000_000) b) > 0"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Server:
    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url  # with its token
        self.port = urlsplit(url).port
        self.base = f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, *, method: str = "GET", body=None, headers=None, **asked) -> Answer:
        """With the cookie that the page has, unless other headers are given."""
        if headers is None:
            headers = {"Cookie": f"bt_lake_{self.port}={TOKEN}"}
            if method != "GET":
                headers["Origin"] = self.base
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        query = "?" + urlencode(asked, doseq=True) if asked else ""
        text = None if body is None else json.dumps(body)
        connection.request(method, path + query, body=text, headers=headers)
        found = connection.getresponse()
        answer = Answer(found.status, {k.lower(): v for k, v in found.getheaders()}, found.read())
        connection.close()
        return answer

    def get(self, path: str, **asked):
        answer = self.ask(f"/api/{path}", **asked)
        assert answer.status == 200, answer.body
        return answer.json

    def ask_slowly(self) -> socket.socket:
        """A question that takes for ever, whose answer is not waited for."""
        asking = socket.create_connection(("127.0.0.1", self.port))
        asking.sendall(
            f"GET /api/count?where={quote(SLOW)} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {TOKEN}\r\n\r\n".encode()
        )
        return asking

    def post(self, path: str, body: dict) -> Answer:
        return self.ask(f"/api/{path}", method="POST", body=body)


def rows(answer: dict) -> list[dict]:
    """Columns as rows."""
    return [
        dict(zip(answer["columns"], row, strict=True)) for row in zip(*answer["data"], strict=True)
    ]


@contextmanager
def server(lake: Path, *options: str, port: int = 0, **more: str) -> Iterator[Server]:
    arguments = ["--lake", str(lake), "page", "--no-open", "--port", str(port), *options]
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        env=environment(BT_LAKE_PAGE_TOKEN=TOKEN, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_hears_ctrl_c if os.name == "posix" else None,
    )
    try:
        url = process.stdout.readline().strip()
        assert url, process.stderr.read()
        yield Server(process, url)
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()
        process.stderr.close()


def _hears_ctrl_c() -> None:
    """A shell's background job has it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
