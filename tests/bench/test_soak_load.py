"""The load of the soak is what it says, and it sees what is wrong."""

from __future__ import annotations

import json
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench.soak.__main__ import counted, parsed
from bench.soak.clients import Client, Soak
from bench.soak.conversations import Conversation
from bench.soak.scripts import BUSY, Fault, Script, at_once, drawn, faulty, streamed
from narrows.policy import Level
from tests.gateways import running_gateway
from tests.raw_client import Answered
from tests.scripted_upstream import LAST_CHUNK, Answer, Ending, Recorded, ScriptedUpstream, whole

OK = whole(b"0123456789")


def answered(body: bytes, *, complete: bool = True, head: bytes = b"") -> Answered:
    head = head or b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\nx-narrows-request-id: 1"
    return Answered(head + b"\r\n\r\n", bytearray(body), complete=complete)


def checked(answer: Answered, fault: Fault = Fault.NONE) -> list[str]:
    """What a client finds wrong with an answer."""
    soak = Soak(cast(ScriptedUpstream, SimpleNamespace()), 0, 1)
    Client(soak, 1)._check(answer, Script(fault, OK, [Recorded(b"", 0)]))
    return soak.tally.wrong


def test_an_answer_is_the_upstreams_to_the_byte() -> None:
    assert checked(answered(b"0123456789")) == []
    assert len(checked(answered(b"0123456780"))) == 1
    assert len(checked(answered(b"0123456789", head=b"HTTP/1.1 200 OK\r\nContent-Length: 10"))) == 1


def test_a_cut_is_right_only_where_the_upstream_cut() -> None:
    assert checked(answered(b"01234", complete=False), Fault.UPSTREAM_CUTS) == []
    assert len(checked(answered(b"01234", complete=False))) == 1
    assert len(checked(answered(b"x1234", complete=False), Fault.UPSTREAM_CUTS)) == 1


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_of_the_upstream_changes_its_first_answer_and_only_that(fault: Fault) -> None:
    for answer in (streamed(Random(1)), at_once(Random(1))):
        script = Script(fault, answer)
        first, second = script.play(Recorded(b"", 0)), script.play(Recorded(b"", 1))
        assert second is answer
        assert (first is answer) is (fault in {
            Fault.NONE, Fault.CLIENT_LEAVES_IN_BODY, Fault.CLIENT_READS_SLOWLY, Fault.CLIENT_TALKS_NONSENSE,
            Fault.CLIENT_SMUGGLES,
        })  # fmt: skip


def test_whoever_leaves_at_the_end_mark_leaves_before_the_last_chunk() -> None:
    answer = faulty(streamed(Random(1)), Fault.CLIENT_LEAVES_AT_DONE)
    (sent,) = answer.steps
    assert isinstance(sent, bytes)
    assert sent.endswith(b"data: [DONE]\n\n\r\n")
    assert LAST_CHUNK not in sent
    assert answer.ending is Ending.STALL


def test_faults_are_drawn_alike_from_the_same_seed_and_all_of_them_come() -> None:
    first, second = ([drawn(random) for _ in range(3000)] for random in (Random(7), Random(7)))
    assert first == second
    assert set(first) == set(Fault)
    assert Script(Fault.UPSTREAM_IS_BUSY, OK).play(Recorded(b"", 0)) == BUSY


def test_a_conversation_grows_and_sees_a_prefix_that_moves() -> None:
    talk = Conversation(Random(3))
    talk.grow()
    first = talk.body
    assert talk.forwarded(first) == ""
    assert talk.forwarded(first) == "", "the same turn again"
    talk.grow()
    assert len(json.loads(talk.body)["messages"]) == 5
    assert talk.forwarded(talk.body) == ""
    talk.grow()
    assert talk.forwarded(talk.body.replace(b"call_1", b"call_9", 1)) != ""
    assert talk.forwarded(b"{}") != ""


def test_outcomes_are_counted_over_all_labels() -> None:
    figures = {
        'narrows_exchanges_total{outcome="answered",status="2xx",wire="openai_chat"}': 3.0,
        'narrows_exchanges_total{outcome="answered",status="4xx",wire=""}': 1.0,
        'narrows_exchanges_total{outcome="refused",status="4xx",wire=""}': 2.0,
        "narrows_buffered_bytes": 9.0,
    }
    assert counted(figures) == {"answered": 4.0, "refused": 2.0}


def test_its_length_comes_from_the_environment_or_a_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOAK_SECONDS", "90")
    assert parsed([]).seconds == 90
    assert parsed(["--seconds", "7"]).seconds == 7
    monkeypatch.delenv("SOAK_SECONDS")
    assert parsed([]).seconds == 300


@pytest.mark.parametrize("fault", Fault)
async def test_one_turn_with_each_fault_finds_nothing_wrong(
    fault: Fault, scripted_upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.soak.clients.drawn", lambda random: fault)
    async with running_gateway(scripted_upstream.url, level=Level.OFF) as url:
        soak = Soak(scripted_upstream, int(url.rpartition(":")[2]), 1)
        client: Any = Client(soak, 2)
        client._conversation.grow()
        done = await client._turn()
        client._drop()
    assert soak.tally.wrong == []
    assert sum(soak.tally.outcomes.values()) == 1
    assert isinstance(done, bool)
    assert scripted_upstream.requests == []


def test_an_answer_knows_what_was_sent_of_it() -> None:
    script = Script(Fault.UPSTREAM_IS_BUSY, OK, [Recorded(b"", 0)])
    assert script.sent()[0][0] == b"HTTP/1.1 429 OK"
    script.attempts.append(Recorded(b"", 1))
    assert script.sent() == (
        [b"HTTP/1.1 200 OK", b"Content-Type: application/json", b"Content-Length: 10"],
        b"0123456789",
    )
    assert isinstance(script.answer, Answer)
