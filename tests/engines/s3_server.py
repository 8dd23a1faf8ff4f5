"""moto's S3 in a process of its own, which can fail: refuse, lose an answer, give it too late.

python s3_server.py PORT. After PUT /_harm/N one request in N is harmed, after 0 none; it tells how many were.
"""

from __future__ import annotations

import io
import json
import random
import sys
import threading
import time

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

LATE_S = 4.0


class Server:
    """One request at a time: moto looks for an object and puts it in two steps."""

    def __init__(self) -> None:
        self.store = DomainDispatcherApplication(create_backend_app)
        self.alone = threading.Lock()
        self.one_in = 0
        self.harmed = {"refused": 0, "lost": 0, "late": 0}

    def __call__(self, environ, start):
        if environ["PATH_INFO"].startswith("/_harm/"):
            self.one_in = int(environ["PATH_INFO"][7:])
            start("200 OK", [])
            return [json.dumps(self.harmed).encode()]
        how = ""
        if self.one_in and not random.randrange(self.one_in):
            how = random.choice([*self.harmed])
            self.harmed[how] += 1
        if how == "refused":
            return self.refuse(start)
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        if len(body) < length:  # whose sender was killed
            return self.refuse(start)
        environ["wsgi.input"] = io.BytesIO(body)
        said = []
        with self.alone:
            answer = [*self.store(environ, lambda *given: said.append(given))]
        if how == "lost":
            return self.refuse(start)
        if how == "late":
            time.sleep(LATE_S)
        start(*said[0])
        return answer

    def refuse(self, start):
        start("503 Slow Down", [("Content-Length", "0")])
        return [b""]


if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), Server(), threaded=True)
