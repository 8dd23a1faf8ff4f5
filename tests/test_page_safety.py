"""Who may ask the page's server, and what it never does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_lake import Cli, environment, run_id
from page_server import TOKEN, Server, server

from bt_lake.page.serving import _hosts

pytest_plugins = ["page_fixtures"]


def test_the_address_that_is_printed_lets_in_once_and_is_a_cookie_then(page: Server):
    assert page.url == f"{page.base}/?token={TOKEN}"
    let_in = page.ask("/runs?sort=cagr&token=" + TOKEN, headers={})
    assert (let_in.status, let_in.headers["location"]) == (303, "/runs?sort=cagr")
    cookie = let_in.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    kept = page.ask("/runs", headers={"Cookie": cookie.split(";")[0]})
    assert (kept.status, kept.headers["content-type"]) == (200, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    "path", ["/", "/runs", "/static/main.js", "/api/runs", "/api/live", "/api/export/csv"]
)
def test_without_the_token_nothing_is_told(page: Server, path: str):
    for headers in ({}, {"Cookie": f"bt_lake_{page.port}=wrong"}, {"Authorization": "Bearer x"}):
        refused = page.ask(path, headers=headers)
        assert refused.status == 403 and b"sma_cross" not in refused.body
    assert page.ask(path, headers={}, token="wrong").status == 403
    assert page.ask(path, headers={"Cookie": f"other={TOKEN}"}).status == 403


def test_a_redirect_stays_on_this_host(page: Server):
    for path in ("//evil.example/", "/\\evil.example", "///evil.example"):
        let_in = page.ask(f"{path}?token={TOKEN}", headers={})
        assert let_in.status == 303
        assert let_in.headers["location"] == f"/{path.lstrip('/')}".replace("/\\", "/")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_a_name_that_leads_here_by_somebody_elses_dns_is_refused(page: Server, host: str):
    asked = page.ask("/api/runs", headers={"Host": host, "Authorization": f"Bearer {TOKEN}"})
    assert asked.status in (400, 421)


def test_the_names_of_this_machine_are_known(page: Server):
    for host in (f"localhost:{page.port}", f"[::1]:{page.port}", "127.0.0.1"):
        headers = {"Host": host, "Authorization": f"Bearer {TOKEN}"}
        assert page.ask("/api/count", headers=headers).status == 200, host
    assert "*" not in _hosts("127.0.0.1") and "*" in _hosts("0.0.0.0")


def test_only_the_page_itself_changes_something(own_page: Server):
    body = {"act": "delete", "runs": [run_id(7)]}
    other = f"https://127.0.0.1:{own_page.port}"
    for origin in (None, "http://evil.example", "null", other, "http://127.0.0.1"):
        headers = {"Cookie": f"bt_lake_{own_page.port}={TOKEN}"}
        headers |= {"Origin": origin} if origin else {}
        refused = own_page.ask("/api/mark", method="POST", body=body, headers=headers)
        assert refused.status == 403, origin
    assert own_page.get("count")["runs"] == 8


def test_a_script_with_the_token_needs_no_origin(own_page: Server):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    body = {"act": "tag", "text": "x", "runs": [run_id(7)]}
    assert own_page.ask("/api/mark", method="POST", body=body, headers=headers).json["marked"] == 1


def test_every_answer_has_a_policy_without_inline_script(page: Server):
    for path in ("/", "/runs", "/static/main.js", "/api/runs", "/api/run/nope", "/nope"):
        headers = page.ask(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    assert page.ask("/api/runs").headers["cache-control"] == "no-store"


def test_the_document_has_no_script_of_its_own_and_nothing_from_elsewhere():
    static = Path(sys.modules["bt_lake"].__file__).parent / "page" / "static"
    document = (static / "index.html").read_text("utf-8")
    assert document.count("<script") == 1 and 'src="/static/main.js"' in document
    modules = {file.name for file in static.glob("*.js")} - {"main.js"}
    assert {
        name for name in modules if f'modulepreload" href="/static/{name}"' in document
    } == modules
    assert "style=" not in document and " on" not in document.replace(" one", "")
    for file in static.iterdir():
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text and "https://" not in text, file.name
        for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert way not in text, f"{file.name}: {way}"


def test_it_listens_on_this_machine_alone(page: Server):
    with pytest.raises(OSError), socket.create_connection((_own_address(), page.port), 2):
        pass


def _own_address() -> str:
    """One that is not the loopback's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no other address")
        address = asked.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has no other address")
    return address


def test_what_only_reads_changes_nothing(page: Server):
    said = page.post("mark", {"act": "delete", "runs": [run_id(7)]})
    assert said.status == 403 and "--read-only" in said.json["error"]
    assert run_id(7) in page.get("runs", columns="run_id")["data"][0]


@pytest.mark.parametrize(
    "where",
    [
        "1=1) union select (1=1",
        "1; drop table runs",
        "(select count(*) from read_text('/etc/passwd')) > 0",
        "exists (from glob('/*'))",
    ],
)
def test_sql_goes_through_the_guard(page: Server, where: str):
    refused = page.ask("/api/runs", where=where)
    assert refused.status == 400 and b"root:" not in refused.body


def test_hostile_texts_stay_texts(page: Server):
    found = page.ask("/api/runs", columns="strategy,symbol,tags", n=50)
    assert found.headers["content-type"] == "application/json"
    assert any(text.startswith("<img") for text in found.json["data"][1])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_downloads_carry_safe_names(page: Server, kind: str):
    got = page.ask(f"/api/export/{kind}", strategy="sma_cross")
    assert got.headers["content-disposition"] == f'attachment; filename="runs.{kind}"'
    assert got.status == 200 and len(got.body) > 100
    assert page.ask("/api/export/..%2f..%2fx").status in (400, 404)


def test_a_report_is_a_file_to_save(page: Server):
    got = page.ask("/api/report", runs=run_id(7))
    assert got.status == 200 and got.body.startswith(b"<!doctype html>")
    assert got.headers["content-disposition"] == 'attachment; filename="report.html"'


def test_no_file_but_its_own_is_served(page: Server):
    for path in ("/static/../guarded.py", "/static/..%2fguarded.py", "/static/%2e%2e/app.py"):
        assert page.ask(path).status == 404


@pytest.mark.slow
def test_files_of_an_export_are_gone_when_it_was_sent(made_lake: Path, tmp_path: Path):
    with server(made_lake, TMPDIR=str(tmp_path)) as running:
        assert running.ask("/api/export/csv").status == 200
        end = time.monotonic() + 5  # they go after the last byte
        while list(tmp_path.glob("bt-lake-page-*")) and time.monotonic() < end:
            time.sleep(0.02)
        assert list(tmp_path.glob("bt-lake-page-*")) == []


def test_a_request_that_is_no_json_or_too_long_is_refused(own_page: Server):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    long = own_page.ask("/api/mark", method="POST", headers=headers, body="x" * 1_000_001)
    assert long.status == 400 and "more than 1,000,000 bytes" in long.json["error"]
    for body in ([1], {"act": "nope", "runs": ["x"]}, {"act": "tag", "runs": "x", "text": "t"},
                 {"act": "tag", "runs": [], "text": "t"}, {"act": "tag", "runs": ["x"]}):  # fmt: skip
        assert own_page.post("mark", body).status == 400, body


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_while_pages_listen(made_lake: Path, number: int):
    with server(made_lake) as running:
        listening = socket.create_connection(("127.0.0.1", running.port))
        listening.sendall(
            f"GET /api/live HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
        )
        assert b"event: hello" in listening.recv(4096) + listening.recv(4096)
        asking = running.ask_slowly()
        time.sleep(0.3)
        running.process.send_signal(number)
        assert running.process.wait(10) == 0
        said = running.process.stderr.read()
        assert "the page has ended" in said and "Traceback" not in said and "ERROR" not in said
        assert b"503 Service Unavailable" in asking.recv(4096)
        asking.close()
        listening.close()


def test_a_port_that_is_taken_is_an_error_with_a_way_out(cli: Cli, page: Server):
    said = cli("page", "--no-open", "--port", page.port)
    assert said.code == 2 and "--port 0 takes one that is free" in said.err


def test_a_short_token_is_refused(made_lake: Path):
    done = subprocess.run(
        [sys.executable, "-m", "bt_lake", "--lake", made_lake, "page", "--no-open", "--port", "0"],
        env=environment(BT_LAKE_PAGE_TOKEN="short"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2 and "BT_LAKE_PAGE_TOKEN" in done.stderr


def test_without_the_extra_it_says_what_to_install(made_lake: Path):
    script = "import sys; sys.modules['starlette'] = None; from bt_lake.cli.main import run; sys.exit(run(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", script, "--lake", made_lake, "page", "--no-open"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert 'the page needs an optional part: pip install "bt-lake[page]"' in done.stderr
