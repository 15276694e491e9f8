"""Whose bytes arrive: what the upstream gets beside what was sent, and what the client gets beside what was answered.

Every proxy, ours too, is shown the same requests and answers (`probes`), one at a time, and a growing conversation with
long tool outputs, in which a gateway that shortens changes texts: there everything else has to be the same, and each
turn has to begin as the one before did when it was forwarded, or the provider's prompt cache is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

from bench.dataplane.bodies import request, session, turns_of
from bench.dataplane.client import Failed, connect
from bench.dataplane.exchanges import Exchanged, edited, fields_between, read, unrepeated_bytes
from bench.dataplane.figures import Figure
from bench.dataplane.loop import Link, Loop
from bench.dataplane.probes import ANSWERS, REQUESTS, Answer
from bench.dataplane.proxies import DIRECT
from bench.dataplane.stage import Stage
from bench.dataplane.upstream import Answering

TURNS = 4
_LIMIT_S = 60.0
_HOST = (b"host",)


def kept(stage: Stage) -> list[Figure]:
    """Each probe once, through everyone; one that is refused or gets no answer was not kept."""
    effort, stage.effort = stage.effort, stage.effort.once()
    try:
        samples = stage.rounds([*stage.names, DIRECT], lambda name: _probed(stage, name))
    finally:
        stage.effort = effort
    names = [f"{kind} {name}" for kind, probes in (("request", REQUESTS), ("answer", ANSWERS)) for name in probes]
    detail = {f"{proxy}: {name}": value[0] for name in names for proxy, value in samples[name].items()}
    group = "bytes, one exchange at a time"
    talk = f"a conversation of {TURNS} turns, 200 KB"
    return [
        Figure(group, "request bodies kept", f"of {len(REQUESTS)}", samples["requests"], detail=detail),
        Figure(group, "answer bodies kept", f"of {len(ANSWERS)}", samples["answers"]),
        Figure(group, "request fields lost or changed", "", samples["request lost"]),
        Figure(group, "request fields added", "", samples["request added"]),
        Figure(group, "answer fields lost or changed", "", samples["answer lost"]),
        Figure(group, "answer fields added", "", samples["answer added"]),
        Figure(talk, "texts shortened in the last turn", "", samples["texts"]),
        Figure(talk, "its other bytes that are not kept", "bytes", samples["others"]),
        Figure(talk, "bytes of a turn the next one lacks", "bytes", samples["front"]),
    ]


@dataclass
class Probed:
    """One exchange as both ends saw it; `sent` and `answered` are what went in."""

    sent: Exchanged
    answered: Exchanged
    forwarded: Exchanged | None
    received: Exchanged | None


def _probed(stage: Stage, name: str) -> dict[str, float]:
    found: dict[str, float] = {}
    plain, streamed = ANSWERS["compact"], ANSWERS["stream"]
    for probe, body in REQUESTS.items():
        one = exchanged(stage, name, request(body), streamed if probe == "stream" else plain)
        found[f"request {probe}"] = one.forwarded is not None and one.forwarded.body == body
        if probe == "compact":
            found |= _fields(one)
    for probe, answer in ANSWERS.items():
        one = exchanged(stage, name, request(REQUESTS["stream" if answer.stream else "compact"]), answer)
        back = one.received
        found[f"answer {probe}"] = back is not None and (back.status, back.body) == (answer.status, answer.payload)
    found["requests"] = sum(found[f"request {probe}"] for probe in REQUESTS)
    found["answers"] = sum(found[f"answer {probe}"] for probe in ANSWERS)
    return found | _conversation(stage, name)


def _fields(one: Probed) -> dict[str, float]:
    if one.forwarded is None or one.received is None:
        raise Failed("the plainest request was not answered")
    there = fields_between(one.sent, one.forwarded, _HOST)
    back = fields_between(one.answered, one.received)
    return {
        "request lost": there.lost,
        "request added": there.added,
        "answer lost": back.lost,
        "answer added": back.added,
    }


def _conversation(stage: Stage, name: str) -> dict[str, float]:
    """Its turns one after the other; figures of the last one, but the worst of the fronts."""
    sent = [raw.partition(b"\r\n\r\n")[2] for raw in turns_of(session(977, 25, 7_300), TURNS)]
    forwarded: list[bytes] = []
    for body in sent:
        one = exchanged(stage, name, request(body), ANSWERS["compact"])
        if one.forwarded is None:
            return {}
        forwarded.append(one.forwarded.body)
    change = edited(sent[-1], forwarded[-1])
    turns = pairwise(front.removesuffix(b"]}") for front in forwarded)
    fronts = [unrepeated_bytes(before, after) for before, after in turns]
    return {"texts": change.texts, "others": change.lost_bytes, "front": max(fronts)}


def exchanged(stage: Stage, name: str, raw: bytes, answer: Answer) -> Probed:
    """One request through a proxy, on a connection of its own.

    Raises:
        Failed: there was no answer in time.
    """
    sent, answered = read(raw), read(answer.framed())
    assert sent is not None
    assert answered is not None
    (dressed,) = stage.dressed(name, [raw])
    port = stage.port(name)
    with _reading(stage, answer) as reader:
        asking = _Whole(stage.loop, port, dressed)
        try:
            if not stage.loop.run(_LIMIT_S):
                raise Failed(f"{name}: no whole answer within {_LIMIT_S:g} s")
        finally:
            asking.close()
    return Probed(sent, answered, reader.last, asking.answer)


class _Reader:
    """Reads requests whole, whatever their framing, and gives each of them the one answer."""

    def __init__(self, answer: bytes) -> None:
        self.last: Exchanged | None = None
        self._answer = answer
        self._parts: dict[Answering, bytes] = {}

    def __call__(self, link: Answering, data: bytes) -> None:
        raw = self._parts.pop(link, b"") + data
        message = read(raw)
        if message is None:
            self._parts[link] = raw
        else:
            self.last = message if message.line.startswith(b"POST ") else self.last
            link.write(self._answer)


@contextmanager
def _reading(stage: Stage, answer: Answer) -> Iterator[_Reader]:
    reader = _Reader(answer.framed())
    stage.upstream.reader = reader
    try:
        yield reader
    finally:
        stage.upstream.reader = None


class _Whole(Link):
    """Sends one request and keeps the whole answer; none where the connection ends before it."""

    def __init__(self, loop: Loop, port: int, raw: bytes) -> None:
        super().__init__(loop, connect(port))
        self._parts = b""
        self.answer: Exchanged | None = None
        self.write(raw)

    def received(self, data: bytes) -> None:
        self._parts += data
        self.answer = read(self._parts)
        if self.answer is not None:
            self.loop.stop()

    def lost(self) -> None:
        self.loop.stop()
