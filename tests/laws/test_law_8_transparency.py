"""Law 8: an observer that raises, lags or dies changes no forwarded byte; a compressor that raises keeps its part, and
only that one, the same in every process."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.compressors import registry
from narrows.compressors.types import Compressed, Compressor, Kept, Reason, Source, Verdict
from narrows.core.edits import apply_edits
from narrows.core.http1 import ResponseHead
from narrows.plan import plan_body
from narrows.policy import Kind, Level, Policy
from narrows.server.observing import Dropped, ObservingLimits, ResponseTee
from narrows.wire.openai_chat import WIRE
from narrows.wire.types import Wire
from tests.laws.conversations import log, rows
from tests.raw_client import chat, request
from tests.scripted_upstream import DONE, Answer, ScriptedUpstream, chunk, completion, events, frame, whole
from tests.server.faulty_wire import STEPS, FaultyWire
from tests.stage import Stage, stage_before

FRAMES = [frame({"role": "assistant", "content": ""}), *(frame({"content": "é" * 40}) for _ in range(200)), DONE]
CODED = gzip.compress(b"".join(FRAMES))
ANSWERS = {
    "stream": (events(*FRAMES), b"".join(map(chunk, FRAMES)) + b"0\r\n\r\n"),
    "body": (whole(completion()), completion()),
    "coded": (whole(CODED, fields=[("Content-Encoding", "gzip")]), CODED),
    "nonsense": (whole(b"\x00\xff" * 5_000), b"\x00\xff" * 5_000),
}

Tee = Callable[[Wire, ResponseHead], ResponseTee]


def raising(step: str, error: Exception) -> Tee:
    return lambda _, head: ResponseTee(FaultyWire(step, error), head)


def limited(limits: ObservingLimits) -> Tee:
    return lambda wire, head: ResponseTee(wire, head, limits=limits)


def dead(wire: Wire, head: ResponseHead) -> ResponseTee:
    tee = ResponseTee(wire, head)
    tee.drop(Dropped.LAGGING)
    return tee


OBSERVERS: dict[str, tuple[Tee, str]] = {
    **{f"raises at {step}": (raising(step, ValueError("a fault")), Dropped.OBSERVER_ERROR) for step in STEPS},
    "has no memory": (raising("receive_data", MemoryError()), Dropped.OBSERVER_ERROR),
    "lags": (limited(ObservingLimits(batch_s=-1.0)), Dropped.LAGGING),
    "is given too much": (limited(ObservingLimits(total_bytes=10)), Dropped.TOO_LARGE),
    "is dead": (dead, Dropped.LAGGING),
}


@pytest.fixture
async def stage(scripted_upstream: ScriptedUpstream) -> AsyncIterator[Stage]:
    async with stage_before(scripted_upstream) as stage:
        yield stage


@pytest.mark.parametrize("observer", OBSERVERS)
async def test_an_observer_changes_no_forwarded_byte(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, observer: str
) -> None:
    tee, reason = OBSERVERS[observer]
    gateway = await stage.gateway()
    monkeypatch.setattr(gateway.gateway.afterwards, "tee", tee)
    client = await stage.client(gateway)
    answer: Answer
    for index, (answer, body) in enumerate(ANSWERS.values()):
        stage.upstream.play(answer)
        await client.send(request("POST", "/v1/chat/completions", body=chat(stream=True)))
        answered = await client.answer()
        assert answered.complete
        assert answered.raw_body == body
        record = await stage.record(gateway, index)
        assert record.response is not None
        assert record.response.dropped == reason


class Broken:
    """A compressor of everything that fails at a chosen step."""

    kind = Kind.LOG

    def __init__(self, step: str) -> None:
        self.step = step

    def _at(self, step: str) -> None:
        if step == self.step:
            raise RuntimeError(step)

    def sniff(self, source: Source) -> Verdict:
        self._at("sniff")
        return Verdict.YES if source.text.startswith("[   0/") else Verdict.NO

    def compress(self, source: Source, level: Level) -> Compressed | Kept:
        self._at("compress")
        return Compressed(Kind.LOG, "no mark at the head", lossless=False, summary="")

    def is_output(self, text: str) -> bool:
        return False

    def expand(self, text: str) -> str | None:
        return None


JSON_ROWS: Compressor = next(one for one in registry.COMPRESSORS if one.kind is Kind.JSON)
SOUND, FAULTY = rows(40), log(90)
EACH_ALONE = Policy(repeat_min_bytes=1 << 30)
"""A text that stands twice is decided twice, and never named by the first."""


@given(st.lists(st.sampled_from([SOUND, FAULTY, "short"]), max_size=6), st.sampled_from(["compress", "its output"]))
def test_a_compressor_that_fails_keeps_its_part_and_only_that(contents: list[str], step: str) -> None:
    body = json.dumps(
        {"model": "gpt-4o", "messages": [{"role": "tool", "tool_call_id": "c", "content": one} for one in contents]}
    ).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "COMPRESSORS", (JSON_ROWS,))
        without = plan_body(body, WIRE, EACH_ALONE)
        patch.setattr(registry, "COMPRESSORS", (JSON_ROWS, Broken(step)))
        plan = plan_body(body, WIRE, EACH_ALONE)
        again = plan_body(body, WIRE, EACH_ALONE)
    assert plan == again
    assert apply_edits(body, plan.edits) == apply_edits(body, without.edits)
    assert len(plan.edits) == contents.count(SOUND)
    results = [part.outcome.decision.result for part in plan.parts]
    failed = [one for one in results if isinstance(one, Kept) and one.reason is Reason.COMPRESSOR_ERROR]
    assert len(failed) == contents.count(FAULTY)


def test_a_sniffer_that_fails_keeps_every_part_it_is_asked_about() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "COMPRESSORS", (JSON_ROWS, Broken("sniff")))
        plan = plan_body(chat({"role": "tool", "tool_call_id": "c", "content": SOUND}), WIRE, Policy())
    assert plan.edits == ()
    (part,) = plan.parts
    assert part.outcome.decision.result == Kept(Reason.COMPRESSOR_ERROR, detail="RuntimeError")
