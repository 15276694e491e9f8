from __future__ import annotations

import errno
import http.client
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from narrows.cli.main import main
from narrows.cli.serve import cannot_listen, settings_table, start_lines
from narrows.settings import SETTINGS, GatewayKey, Settings, parse

UPSTREAM = ["--upstream", "https://models.example"]


@pytest.fixture(autouse=True)
def in_an_empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("NARROWS_") or name == "OPENAI_BASE_URL" or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


class Answering(http.server.BaseHTTPRequestHandler):
    """A model's server that gives the path back, after a moment where the path asks for one."""

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.server.asked.set()  # type: ignore[attr-defined] # set where the server is made
            self.server.go_on.wait(60)  # type: ignore[attr-defined] # likewise
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...


@pytest.fixture
def upstream() -> Iterator[http.server.ThreadingHTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.asked, server.go_on = threading.Event(), threading.Event()  # type: ignore[attr-defined] # for the handler
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.go_on.set()  # type: ignore[attr-defined] # set above
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def running(*words: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`narrows serve` in its own process, and the port it took."""
    command = [sys.executable, "-m", "narrows", "serve", "--port", "0", "--log-format", "json"]
    command += ["--classifier", "none", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        started = json.loads(process.stderr.readline())
        yield process, int(started["address"].rpartition(":")[2])
    finally:
        process.kill()
        process.communicate()


def url(server: http.server.ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


def get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    body = connection.getresponse().read()
    connection.close()
    return body


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_a_signal_ends_it(upstream: http.server.ThreadingHTTPServer, number: int) -> None:
    with running("--upstream", url(upstream)) as (process, port):
        assert get(port, "/v1/models") == b"/v1/models"
        process.send_signal(number)
        assert process.wait(60) == 0


def test_an_exchange_in_flight_ends_before_the_process(upstream: http.server.ThreadingHTTPServer) -> None:
    with running("--upstream", url(upstream)) as (process, port):
        answers: list[bytes] = []
        asking = threading.Thread(target=lambda: answers.append(get(port, "/slow")))
        asking.start()
        assert upstream.asked.wait(60)  # type: ignore[attr-defined] # set by the fixture
        process.send_signal(signal.SIGTERM)
        upstream.go_on.set()  # type: ignore[attr-defined] # set by the fixture
        asking.join(60)
        assert answers == [b"/slow"]
        assert process.wait(60) == 0


def test_a_second_signal_ends_it_at_once(upstream: http.server.ThreadingHTTPServer) -> None:
    with running("--upstream", url(upstream)) as (process, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/slow")
        assert upstream.asked.wait(60)  # type: ignore[attr-defined] # set by the fixture
        assert process.stderr is not None
        process.send_signal(signal.SIGTERM)
        while '"stopping"' not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == -signal.SIGTERM
        connection.close()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_taken_address_is_said(workers: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["serve", *UPSTREAM, "--port", str(port), "--workers", workers]) == 1
    said = capsys.readouterr().err
    assert said == (
        f"narrows serve: cannot listen on 127.0.0.1 port {port}: Address already in use; --port takes another\n"
    )


def test_too_many_workers_are_refused_and_too_few_descriptors_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", *UPSTREAM, "--port", "0", "--workers", "100000"]) == 2
    assert "--workers '100000': needs a whole number from 1 to 256" in capsys.readouterr().err
    said = cannot_listen(Settings(), OSError(errno.EMFILE, "Too many open files"))
    assert said.endswith("Too many open files; raise the limit (ulimit -n), or start fewer --workers")


@pytest.mark.parametrize("host", ["192.0.2.7", "nowhere.invalid"])
def test_an_address_of_no_machine_or_another_is_said(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", *UPSTREAM, "--host", host, "--allow-open", "--port", "0"]) == 1
    said = capsys.readouterr().err
    assert f"cannot listen on {host} port 0: " in said
    assert "--host takes an address of this machine" in said


def test_every_setting_is_printed_with_its_source(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NARROWS_PORT", "9000")
    Path("narrows.toml").write_text('level = "lossless"\n')
    assert main(["serve", *UPSTREAM, "--print-settings"]) == 0
    lines = [re.split(r"  +", line) for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines] == [setting.name for setting in SETTINGS]
    assert ["upstream", "https://models.example", "flag --upstream"] in lines
    assert ["port", "9000", "environment NARROWS_PORT"] in lines
    assert ["level", "lossless", "file narrows.toml"] in lines
    assert ["scope", "stable", "default"] in lines


def test_every_problem_is_said_and_the_status_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", "http", "--host", "0.0.0.0"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3
    assert all(line.startswith("narrows serve: ") for line in said)


def test_what_only_the_machine_knows_is_checked_before_listening(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", *UPSTREAM, "--ca-bundle", "gone.pem"]) == 2
    assert "gone.pem" in capsys.readouterr().err


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_classifier_that_is_installed_but_broken_is_a_start_error(workers: str, tmp_path: Path) -> None:
    tmp_path.joinpath("magika.py").write_text("raise ImportError('no runtime for this machine')")
    done = subprocess.run(
        [sys.executable, "-m", "narrows", "serve", *UPSTREAM, "--port", "0", "--workers", workers],
        env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "narrows serve: classifier: 'magika' is installed but cannot be loaded" in done.stderr
    assert "no runtime for this machine" in done.stderr


def test_the_start_lines_say_where_whereto_and_how() -> None:
    settings = Settings(upstream="https://models.example")
    policy = settings.policy("magika-1.0.3", "toktok")
    text = start_lines(settings, policy, 8787)
    assert "listens on http://127.0.0.1:8787 and forwards to https://models.example" in text
    assert policy.version in text
    assert "export OPENAI_BASE_URL=http://127.0.0.1:8787/v1" in text
    assert "Warning" not in text


@pytest.mark.parametrize(
    ("upstream", "variable"),
    [
        ("https://api.anthropic.com", "ANTHROPIC_BASE_URL=http://127.0.0.1:8787"),
        ("https://generativelanguage.googleapis.com", "GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:8787"),
        ("https://api.openai.com/v1", "OPENAI_BASE_URL=http://127.0.0.1:8787/v1"),
    ],
)
def test_the_start_lines_point_the_providers_own_client(upstream: str, variable: str) -> None:
    settings = Settings(upstream=upstream)
    text = start_lines(settings, settings.policy("none", ""), 8787)
    assert text.endswith(f"export {variable}")


def test_the_start_lines_name_the_proxy_and_ask_for_keys() -> None:
    settings = Settings(
        upstream="https://models.example",
        host="0.0.0.0",
        upstream_proxy="http://user:S3CR3T@proxy.example:3128",
        keys=(GatewayKey("alice", b"digest"),),
    )
    text = start_lines(settings, settings.policy("none", ""), 1)
    assert "forwards to https://models.example through the proxy proxy.example:3128" in text
    assert "Every client needs a gateway key" in text
    assert "Warning" not in text
    assert "S3CR3T" not in text


def test_the_start_lines_warn_of_other_machines() -> None:
    settings = Settings(upstream="https://models.example", host="::", allow_open=True)
    text = start_lines(settings, settings.policy("none", ""), 1)
    assert "listens on http://[::]:1 " in text
    assert "export OPENAI_BASE_URL=http://[::1]:1/v1" in text
    assert "Warning: other machines can reach" in text


def test_the_table_is_in_columns() -> None:
    lines = settings_table(parse({"upstream": "https://models.example"}, {}, {})).splitlines()
    assert len({line.rindex(source) for line in lines for source in ["default"] if line.endswith(source)}) == 1
