"""`python -m tests.conformance`: tests of strangers, against a gateway in front of a server that satisfies them.

They are fetched into build/conformance, into an environment of their own, and nothing of them is kept here. What cannot
be fetched is skipped by name, with the reason; a failed test is a failure. Of openai-python its own API tests, of the
release that is installed here; of schemathesis requests drawn from OpenAI's specification, among them many that break
it, where any 5xx is the gateway's fault, as the server behind it never answers one.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import urllib.request
from importlib.metadata import version
from pathlib import Path

from tests.conformance.examples import answered
from tests.conformance.specification import cut
from tests.gateways import gateway_process, told
from tests.scripted_upstream import ScriptedUpstream

BUILD = Path(__file__).resolve().parents[2] / "build" / "conformance"
SPECIFICATION = (
    "https://raw.githubusercontent.com/openai/openai-openapi/f85dbe223d40e1a31cba812ab2d755c7e98a92a3/openapi.json",
    "bbfd19abcde0e7412da99378deb2a959ccdd3a812f97c9e35901921e8e973f9a",
)
API_TESTS = (
    "chat", "test_models.py", "test_completions.py", "test_embeddings.py", "test_moderations.py", "test_responses.py",
)  # fmt: skip
SCHEMA = "schemathesis"
SUITES = ("openai-python's API tests", SCHEMA)
_NEEDS = ("schemathesis>=4.30", "pytest>=9", "pytest-asyncio>=1.4", "rich")
_FETCH_S = 300


class NotFetchedError(Exception):
    """Something of others could not be had; the text says what, and why."""


def fetched(words: list[str], what: str) -> None:
    """Run a command that needs the network."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_FETCH_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotFetchedError(f"{what}: {error}") from None
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise NotFetchedError(f"{what}: {' '.join(last)}")


def environment() -> Path:
    """An environment with what the tests need; its folder of commands."""
    folder = BUILD / "venv"
    mark = folder / f"openai-{version('openai')}"
    if not mark.exists():
        fetched([sys.executable, "-m", "venv", "--clear", str(folder)], "an environment for the tests")
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        fetched([*pip, f"openai[aiohttp]=={version('openai')}", *_NEEDS], "what the tests need")
        mark.touch()
    return folder / "bin"


def client_sources() -> Path:
    """The installed client's source distribution, which has its tests, unpacked."""
    name = f"openai-{version('openai')}"
    folder = BUILD / name
    if not folder.exists():
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "openai"]
        fetched([*pip, f"openai=={version('openai')}", "--dest", str(BUILD)], f"the sources of {name}")
        with tarfile.open(BUILD / f"{name}.tar.gz") as archive:
            archive.extractall(BUILD, filter="data")
    return folder


def specification(given: str) -> Path:
    """OpenAI's specification, cut to what is tested; from a file where one is given."""
    address, digest = SPECIFICATION
    whole = BUILD / "openapi.json"
    if given:
        data = Path(given).read_bytes()
    elif whole.exists():
        data = whole.read_bytes()
    else:
        try:
            with urllib.request.urlopen(address, timeout=30) as answer:
                data = answer.read()
        except OSError as error:
            raise NotFetchedError(f"OpenAI's specification: {error}") from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise NotFetchedError("OpenAI's specification: the file has another digest than the one that is known")
        whole.write_bytes(data)
    file = BUILD / "chat-completions.json"
    file.write_text(json.dumps(cut(json.loads(data))), encoding="utf-8")
    return file


async def run(words: list[str], where: Path, **variables: str) -> int:
    """Run a suite, whose output is shown; its status."""
    process = await asyncio.create_subprocess_exec(*words, cwd=where, env={**os.environ, **variables})
    return await process.wait()


async def api_tests(url: str) -> int:
    """openai-python's own tests of its API, with strict validation of every answer."""
    binaries, sources = environment(), client_sources()
    files = [str(Path("tests", "api_resources", name)) for name in API_TESTS]
    quiet = ["-q", "-o", "addopts=", "-p", "no:cacheprovider", "-W", "default"]
    return await run([str(binaries / "python"), "-m", "pytest", *quiet, *files], sources, TEST_API_BASE_URL=f"{url}/v1")


async def requests_by_schema(url: str, arguments: argparse.Namespace) -> int:
    """schemathesis over the schema of a chat completion: no request may make the gateway answer 5xx."""
    binaries, file = environment(), specification(arguments.specification)
    how = ["--checks", "not_a_server_error", "--max-examples", str(arguments.examples), "--seed", "1", "--no-color"]
    how += ["--generation-database", "none", "--suppress-health-check", "all", "--continue-on-failure"]
    return await run([str(binaries / "schemathesis"), "run", str(file), "--url", f"{url}/v1", *how], BUILD)


async def conform(arguments: argparse.Namespace) -> int:
    """Run every suite that can be had; 1 where one has failed."""
    failed = False
    async with ScriptedUpstream(otherwise=answered) as upstream, gateway_process(upstream.url) as url:
        for name in SUITES:
            try:
                status = await (requests_by_schema(url, arguments) if name == SCHEMA else api_tests(url))
            except NotFetchedError as error:
                print(f"SKIPPED {name}: {error}", flush=True)
                continue
            passed = len(upstream.requests)
            print(f"{'passed' if status == 0 else 'FAILED'}: {name}; {passed} requests have reached the server so far")
            failed |= status != 0
        figures = (await told(url, "/metrics")).decode()
    for line in server_errors(figures):
        print(f"FAILED: the gateway answered what the server behind it did not: {line}")
        failed = True
    return 1 if failed else 0


def server_errors(figures: str) -> list[str]:
    """The lines of the gateway's figures that count answers of 5xx, which the server behind it never gives."""
    counts = (line for line in figures.splitlines() if line.startswith("narrows_exchanges_total{"))
    return [line for line in counts if 'status="5xx"' in line and not line.endswith(" 0.0")]


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument("--specification", default="", help="OpenAI's openapi.json, where it cannot be fetched")
    parser.add_argument("--examples", type=int, default=200, help="requests that schemathesis draws, in each way")
    arguments = parser.parse_args(words)
    BUILD.mkdir(parents=True, exist_ok=True)
    return asyncio.run(conform(arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
