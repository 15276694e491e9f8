"""What a deployment installs is locked, whole, and by hash; and an audit that could not be made is not called one.

All of this holds offline. That no locked release has been withdrawn, and that none has a known vulnerability, only the
network can tell: `make lock` never chooses a withdrawn one; `make audit` asks, and so does a check where it can.
"""

from __future__ import annotations

import json
import re
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import PackageNotFoundError, requires, version

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.house.audit import LOCK, REPOSITORY, in_check, locked, reached, unreachable, verdict

TEXT = LOCK.read_text(encoding="utf-8")
ENTRIES = [entry.strip() for entry in re.split(r"\n(?=\S)", TEXT) if not entry.startswith("#")]
LOCKED = [Requirement(entry.partition(" \\")[0]) for entry in ENTRIES]
DECLARED = [
    Requirement(text)
    for text in tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
]


def pins(name: str) -> list[Requirement]:
    return [one for one in LOCKED if canonicalize_name(one.name) == canonicalize_name(name)]


def pinned_version(pin: Requirement) -> str:
    (only,) = pin.specifier
    assert only.operator == "=="
    return only.version


def unsatisfied(wanted: Requirement) -> bool:
    found = [pinned_version(pin) for pin in pins(wanted.name)]
    return not found or not all(wanted.specifier.contains(one) for one in found)


def test_every_line_is_one_release_with_its_hashes() -> None:
    assert len(ENTRIES) > 10
    for entry, pin in zip(ENTRIES, LOCKED, strict=True):
        assert pin.url is None
        assert "*" not in pinned_version(pin)
        hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})(?= |$)", entry.replace("\\\n", ""))
        assert hashes, pin.name
        assert entry.count("--") == len(hashes), "no option but hashes"


def test_it_names_no_place_to_download_from() -> None:
    assert re.findall(r"https?:|file:|--index|--find-links|--extra|@ ", TEXT) == []


@pytest.mark.parametrize("wanted", DECLARED, ids=str)
def test_what_the_project_declares_is_locked_within_its_bounds(wanted: Requirement) -> None:
    assert not unsatisfied(wanted), "run `make lock`"


@pytest.mark.parametrize("minor", [11, 12, 13])
def test_every_python_gets_one_release_of_each(minor: int) -> None:
    environment = {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.0", "sys_platform": "linux",
                   "implementation_name": "cpython"}  # fmt: skip
    chosen = [canonicalize_name(pin.name) for pin in LOCKED if not pin.marker or pin.marker.evaluate(environment)]
    assert len(set(chosen)) == len(chosen)
    assert {canonicalize_name(one.name) for one in DECLARED} <= set(chosen)


def test_what_the_locked_releases_need_is_locked_too() -> None:
    seen = 0
    for pin in LOCKED:
        try:
            installed = version(pin.name)
        except PackageNotFoundError:
            continue
        if installed != pinned_version(pin):
            continue
        seen += 1
        for wanted in map(Requirement, requires(pin.name) or ()):
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                assert not unsatisfied(wanted), f"{pin.name} needs {wanted}: run `make lock`"
    assert seen, "not one locked release is installed here"


def test_a_pin_outside_the_bounds_would_be_found() -> None:
    assert unsatisfied(Requirement("msgspec<0.1"))
    assert unsatisfied(Requirement("not-locked-at-all"))
    assert SpecifierSet(">=0.19").contains(pinned_version(pins("msgspec")[0]))


def report(*dependencies: dict[str, object]) -> str:
    return json.dumps({"dependencies": dependencies, "fixes": []})


CLEAN: dict[str, object] = {"name": "a", "version": "1", "vulns": []}


def test_an_audit_says_what_it_found_and_what_it_could_not_look_up() -> None:
    bad: dict[str, object] = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1"}]}
    skipped: dict[str, object] = {"name": "c", "skip_reason": "not found"}
    assert verdict(report(CLEAN), "") == (0, "1 packages audited, no vulnerability known")
    assert verdict(report(CLEAN, bad), "") == (1, "VULNERABLE: b 2: PYSEC-1")
    status, words = verdict(report(CLEAN, skipped), "No known vulnerabilities found")
    assert (status, words.startswith("NOT AUDITED: 1 of 2 packages")) == (2, True)
    assert verdict(report(bad, skipped), "")[0] == 1


@pytest.mark.parametrize("printed", ["", "no json", "[]", "{}", report()])
def test_an_audit_without_a_report_is_none(printed: str) -> None:
    status, words = verdict(printed, "Traceback\nConnectionError: no route\n")
    assert status == 2
    assert words.startswith("NOT AUDITED: ")


@contextmanager
def database(status: int, body: bytes) -> Iterator[str]:
    """The address of a server that answers everything with this."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002  # the name of what it overrides

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_a_database_that_tells_vulnerabilities_is_reached() -> None:
    with database(200, b'{"info": {}, "vulnerabilities": []}') as address:
        assert reached(TEXT, address) == (0, "")


@pytest.mark.parametrize(("status", "body"), [(404, b"{}"), (200, b"<html>"), (200, b'{"info": {}}'), (200, b"[]")])
def test_what_tells_none_is_not_it_and_a_check_says_that_nothing_was_audited(status: int, body: bytes) -> None:
    with database(status, body) as address:
        assert unreachable("blake3", "1.0", address) is not None
        status, words = reached(TEXT, address)
    assert status == 3
    assert words.startswith(f"SKIPPED audit: {len(LOCKED)} locked packages NOT AUDITED")
    assert address in words


def test_a_database_that_is_not_there_is_said_with_the_reason() -> None:
    with database(200, b"") as address:
        pass
    assert address in (unreachable("blake3", "1.0", address) or "")


def test_a_check_fails_for_what_is_known_and_not_for_what_is_not() -> None:
    assert [in_check(status) for status in (0, 1, 2)] == [0, 1, 0]
    check = next(line for line in (REPOSITORY / "Makefile").read_text().splitlines() if line.startswith("check:"))
    assert "audited" in check.split()


def test_every_locked_release_is_asked_for() -> None:
    assert [name for name, _ in locked(TEXT)] == [pin.name for pin in LOCKED]
    assert {version for _, version in locked(TEXT)} == {pinned_version(pin) for pin in LOCKED}
