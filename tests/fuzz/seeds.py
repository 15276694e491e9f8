"""Where fuzzing begins: small messages, bodies, streams and outputs, and what is small of the shared corpus."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.conftest import CORPUS
from tests.core.test_http1_differential import BASES
from tests.fuzz.targets import LONGEST
from tests.inject.cases import CASES, Called, Said, Text, dumped
from tests.laws.all_kinds import KINDS
from tests.laws.conversations import TEXTS
from tests.raw_client import chat, rows, tool_turn

MOST = 25
"""Seeds of one folder of the corpus."""
_STREAM = (
    b'data: {"a":"\xc3\xa9"}\n\n: ping\r\nid: 7\r\nevent: error\rdata: a\rdata: b\n\nretry: 10\n\ndata: [DONE]\n\n'
)


def seeds(target: str) -> Iterator[bytes]:
    """What the target is given first, in the same order on every machine."""
    made = {
        "http1": _http1,
        "jsonscan": _jsonscan,
        "sse": _sse,
        "planner": _planner,
        "compressors": _compressors,
        "offered": _offered,
    }
    yield from (seed[: LONGEST[target]] for seed in made[target]())


def _http1() -> Iterator[bytes]:
    for message, method in BASES:
        yield (b"\x00" if method is None else b"\x04" if method == b"HEAD" else b"\x03") + message
    yield b"\x02" + b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n"


def _jsonscan() -> Iterator[bytes]:
    yield b' {"a" : [ ] , "b":{ "c":1.0e5 } , "a":"\\ud83d\\u00e9/" , "\xc3\xa9":null}'
    yield chat(*tool_turn("list", rows(3)))
    yield from _corpus("bodies", "*.json")


def _sse() -> Iterator[bytes]:
    for bound in (b"\x00", b"\x10"):
        yield bound + _STREAM
    yield from (b"\x00" + stream for stream in _corpus("streams", "*.sse"))


def _planner() -> Iterator[bytes]:
    for policy in (0, 4, 8):
        yield from (bytes([policy]) + text.encode() for text in TEXTS)
    yield b"\x40" + chat(*tool_turn("list", rows(12)))
    yield from (b"\x44" + body for body in _corpus("bodies", "*.json"))
    yield from (b"\x04" + text for text in _outputs())


def _offered() -> Iterator[bytes]:
    said: list[Said] = [Text("a"), Called("theirs", {"n": 1}, "c"), Called("own", {}, "d")]
    answers, histories = len(CASES), 2 * len(CASES)
    for number, case in enumerate(CASES):
        copy = case.read(case.stream([Text("ab"), Called("own", {}, "d")], 1, None))["message"]
        history = [case.user, copy, *case.answered([Called("own", {}, "d")])]
        yield bytes([number]) + dumped(case.asked([case.user]))
        yield from (
            bytes([number + answers]) + write(said[:many], 1, None)
            for write in (case.stream, case.whole)
            for many in (2, 3)
        )
        yield bytes([number + histories]) + dumped({case.key: case.asked(history)[case.key]})


def _compressors() -> Iterator[bytes]:
    for kind in KINDS:
        yield from (b"\x00" + source.encode(errors="replace") for source, _ in kind.examples)
    yield from (bytes([number % 4]) + text.encode() for number, text in enumerate(TEXTS))
    yield from (b"\x00" + text for text in _outputs())


def _outputs() -> Iterator[bytes]:
    for folder in ("logs", "search", "diffs", "json"):
        yield from _corpus(folder, "*")


def _corpus(folder: str, pattern: str) -> Iterator[bytes]:
    """The fronts of a folder's files; nothing where there is no corpus."""
    files = sorted(path for path in Path(CORPUS, folder).rglob(pattern) if path.is_file())
    for path in files[:: len(files) // MOST + 1]:
        with path.open("rb") as file:
            yield file.read(max(LONGEST.values()))
