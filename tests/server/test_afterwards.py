"""Observing comes after the bytes, in bounded turns, and gives way when it cannot keep up."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from itertools import count

import pytest

from narrows.core.http1 import parse_response_head
from narrows.server.afterwards import MAX_HELD_BYTES, TURN_S, Afterwards
from narrows.server.observing import Dropped, ResponseTee
from narrows.server.story import Story
from narrows.wire.registry import wire_named
from narrows.wire.types import Lengths, ResponseRecord
from tests.scripted_upstream import completion

Told = list[tuple[str, ResponseRecord | None]]


def started() -> tuple[Afterwards, Told]:
    told: Told = []
    afterwards = Afterwards(asyncio.get_running_loop(), lambda story, record: told.append((story.request_id, record)))
    return afterwards, told


def tee_for(afterwards: Afterwards, size: int) -> ResponseTee:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % size
    return afterwards.tee(wire_named("openai_chat"), parse_response_head(head, b"POST"))


def story(name: str) -> Story:
    return Story(name, 0.0, "POST", "/")


async def test_nothing_happens_in_the_turn_of_the_bytes_themselves() -> None:
    afterwards, told = started()
    tee = tee_for(afterwards, len(completion()))
    afterwards.observe(tee, completion())
    afterwards.tell(tee, story("a"))
    afterwards.tell(None, story("b"))
    assert told == []
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [name for name, _ in told] == ["a", "b"]
    assert told[0][1] is not None
    assert told[0][1].id == "chatcmpl-1"
    assert told[1][1] is None


async def test_a_turn_ends_after_a_moment_but_does_half_of_what_was_there() -> None:
    told: list[str] = []
    afterwards = Afterwards(
        asyncio.get_running_loop(), lambda story, _: told.append(story.request_id), clock=count(step=TURN_S).__next__
    )
    for number in range(8):
        afterwards.tell(None, story(str(number)))
    turns = []
    while len(told) < 8:
        await asyncio.sleep(0)
        turns.append(len(told))
    assert turns == [4, 6, 7, 8]
    assert told == [str(number) for number in range(8)]


async def test_what_piles_up_is_dropped_and_said_so() -> None:
    afterwards, told = started()
    tee = tee_for(afterwards, MAX_HELD_BYTES * 2)
    block = b"x" * (1 << 20)
    for _ in range(MAX_HELD_BYTES // len(block) + 2):
        afterwards.observe(tee, block)
    assert tee.dropped is Dropped.LAGGING
    afterwards.tell(tee, story("a"))
    afterwards.finish()
    ((_, record),) = told
    assert record is not None
    assert record.dropped == "lagging"
    other = tee_for(afterwards, len(completion()))
    afterwards.observe(other, completion())
    afterwards.tell(other, story("b"))
    afterwards.finish()
    assert told[1][1] is not None
    assert (told[1][1].id, told[1][1].dropped) == ("chatcmpl-1", None)


async def test_a_story_that_cannot_be_told_does_not_silence_the_others() -> None:
    loop = asyncio.get_running_loop()
    faults: list[object] = []
    loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))
    told: list[str] = []

    def tell(one: Story, _: ResponseRecord | None) -> None:
        if one.request_id == "bad":
            raise RuntimeError("no words")
        told.append(one.request_id)

    afterwards = Afterwards(loop, tell)
    for name in ("a", "bad", "b"):
        afterwards.tell(None, story(name))
    async with asyncio.timeout(60):
        while len(told) < 2:
            await asyncio.sleep(0)
    assert told == ["a", "b"]
    assert [type(fault) for fault in faults] == [RuntimeError]


async def test_what_is_held_is_read_now_and_then_and_counted_until_it_is() -> None:
    """A slow stream fills no batch; its copies must not pile up until it ends."""
    afterwards, _ = started()
    tees = [tee_for(afterwards, 100) for _ in range(3)]
    for tee in tees:
        afterwards.observe(tee, b"x" * 30)
        afterwards.observe(tee, b"x" * 3)
    assert afterwards.held_bytes == sum(tee.held_bytes for tee in tees) == 99
    await asyncio.sleep(0)
    assert afterwards.held_bytes == 99, "nothing is read for so little"
    afterwards.read_held()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert afterwards.held_bytes == sum(tee.held_bytes for tee in tees) == 0


async def test_what_is_held_by_many_waits_for_what_is_left_of_each_turn() -> None:
    told: list[str] = []
    afterwards = Afterwards(
        asyncio.get_running_loop(),
        lambda story, _: told.append(story.request_id),
        clock=count(step=TURN_S / 2).__next__,
    )
    tees = [tee_for(afterwards, 100) for _ in range(4)]
    for tee in tees:
        afterwards.observe(tee, b"x")
    afterwards.read_held()
    afterwards.tell(None, story("a"))
    turns = []
    while afterwards.held_bytes:
        await asyncio.sleep(0)
        turns.append((len(told), afterwards.held_bytes))
    assert turns == [(1, 3), (1, 1), (1, 0)]


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_is_not_observed(status: int) -> None:
    afterwards, told = started()
    head = parse_response_head(b"HTTP/1.1 %d X\r\n\r\n" % status, b"POST")
    afterwards.tell(afterwards.tee(wire_named("openai_chat"), head), story("a"))
    afterwards.finish()
    assert told == [("a", None)]


@pytest.mark.parametrize("wire", [None, "openai_chat"])
@pytest.mark.parametrize("data", [b"", b"{}", completion()])
@pytest.mark.parametrize("piled_up", [False, True])
@pytest.mark.parametrize("coding", [b"", b"Content-Encoding: unheard-of\r\n"])
async def test_an_answer_in_one_piece_is_told_as_one_that_was_observed(
    wire: str | None, data: bytes, piled_up: bool, coding: bytes
) -> None:
    """And what is held is counted back once, though the slow streams' copies are asked for in the same moment."""
    afterwards, told = started()
    head = parse_response_head(b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n" % (coding, len(data)), b"POST")
    of = None if wire is None else wire_named(wire)
    held = tee_for(afterwards, MAX_HELD_BYTES * 2)
    if piled_up:
        afterwards.observe(held, b"x" * (MAX_HELD_BYTES + 1))
    tee = None if of is None else afterwards.tee(of, head)
    if tee is not None and data:
        afterwards.observe(tee, data)
    afterwards.tell(tee, story("in pieces"))
    afterwards.tell_whole(of, head, data, story("whole"))
    afterwards.finish()
    assert [name for name, _ in told] == ["in pieces", "whole"]
    assert told[0][1] == told[1][1]
    dropped = None if told[1][1] is None else told[1][1].dropped
    assert (dropped == Dropped.LAGGING) is bool(piled_up and wire and data)
    assert afterwards.held_bytes == 0


async def test_a_stream_that_goes_on_holds_no_more_than_when_it_began() -> None:
    afterwards, told = started()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    tee = afterwards.tee(wire_named("openai_chat"), parse_response_head(head, b"POST"))

    async def held(events: int) -> int:
        for number in range(events):
            data = b'data: {"choices": [{"index": 0, "delta": {"content": "word %06d "}}]}\n\n' % number
            afterwards.observe(tee, b"%x\r\n%b\r\n" % (len(data), data))
            afterwards.read_held()
            await asyncio.sleep(0)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        grown = -(await held(500)) + await held(2_000)
    finally:
        tracemalloc.stop()
    assert grown < 4_096
    afterwards.tell(tee, story("a"))
    afterwards.finish()
    ((_, record),) = told
    assert record is not None
    assert (record.chunks, record.choices[0].text) == (2_500, "")
    assert record.choices[0].counted == Lengths(2_500 * len("word 000000 "), 0, 0)
