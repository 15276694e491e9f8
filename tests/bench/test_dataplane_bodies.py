from __future__ import annotations

import itertools
import json

import pytest

from bench.dataplane.bodies import (
    ANSWER,
    LAST_CHUNK,
    MARK,
    SOURCE,
    STAMP_DIGITS,
    STREAM_HEAD,
    chunk,
    first_time,
    session,
    small,
    turns_of,
)
from bench.dataplane.requests import TURNS
from narrows.core.http1 import ChunkDecoder, head_end, parse_request_head, parse_response_head
from narrows.plan import plan_body
from narrows.policy import Policy
from narrows.wire.openai_chat import WIRE


def body_of(request: bytes) -> bytes:
    end = head_end(request, 1 << 16, 0)
    parse_request_head(request[:end])
    json.loads(request[end:])
    return request[end:]


def test_the_small_request_and_its_answer_are_1_kb() -> None:
    assert 900 <= len(body_of(small())) <= 1_150
    end = head_end(ANSWER, 1 << 16, 0)
    parse_response_head(ANSWER[:end], b"POST")
    assert 900 <= len(ANSWER) - end <= 1_150
    assert json.loads(ANSWER[end:])["usage"]["total_tokens"] == 310
    assert json.loads(body_of(small(stream=True)))["stream"] is True


def test_in_the_unedited_conversation_nothing_is_edited() -> None:
    (request,) = turns_of(session(3, 45, 4_000, (SOURCE,)), 1)
    plan = plan_body(body_of(request), WIRE, Policy())
    assert plan.located is not None
    assert len(plan.parts) > 45
    assert plan.edits == ()
    assert 190_000 <= len(request) <= 220_000


def test_in_the_planned_conversation_most_outputs_are_shortened() -> None:
    (request,) = turns_of(session(3, 25, 7_300), 1)
    plan = plan_body(body_of(request), WIRE, Policy())
    assert len(plan.edits) == 20
    assert 190_000 <= len(request) <= 220_000


def test_two_sessions_share_no_tool_output() -> None:
    outputs = [{one["content"] for one in session(number, 5, 4_000) if one["role"] == "tool"} for number in (1, 2)]
    assert outputs[0].isdisjoint(outputs[1])


def test_every_turn_begins_as_the_one_before() -> None:
    bodies = [json.loads(body_of(one))["messages"] for one in turns_of(session(1, 2, 2_000), TURNS)]
    assert len(bodies) == TURNS
    for before, after in itertools.pairwise(bodies):
        assert after[: len(before)] == before
        assert len(after) == len(before) + 2


@pytest.mark.parametrize("number", range(4))
def test_a_first_time_body_has_one_new_output_to_shorten(number: int) -> None:
    kind, request = first_time(number, 100_000, 96_000)
    plan = plan_body(body_of(request), WIRE, Policy())
    assert len(plan.edits) == 1
    assert plan.parts[-1].outcome.decision.result.kind == kind
    assert 190_000 <= len(request) <= 220_000
    assert first_time(number + 4, 100_000, 96_000)[1] != request


def test_a_stream_is_well_framed_and_carries_its_stamps() -> None:
    end = head_end(STREAM_HEAD, 1 << 16, 0)
    assert end == len(STREAM_HEAD)
    decoder = ChunkDecoder()
    _, payload = decoder.receive_data(chunk(12.5) + chunk(13.25) + LAST_CHUNK)
    assert decoder.done
    events = b"".join(payload).split(b"\n\n")
    stamps = []
    for event in events[:2]:
        content = json.loads(event.removeprefix(b"data: "))["choices"][0]["delta"]["content"].encode()
        at = content.index(MARK) + 1
        stamps.append(float(content[at : at + STAMP_DIGITS]))
    assert stamps == [12.5, 13.25]
    assert events[-2] == b"data: [DONE]"
    assert STREAM_HEAD.count(MARK) + LAST_CHUNK.count(MARK) == 0
