"""Law 4 on real conversations, through running gateways: what was forwarded for a message once is forwarded for ever.

Every conversation of the corpus is sent turn by turn. For each turn the forwarded body must be what the library makes
of it, and must begin with all that was forwarded for the turn before, to the byte; with one planning process, with two,
with two gateways taken in turn, with two workers of one, and with a gateway started anew in the middle. The classifier
is the default one: what it says decides edits, so it must say the same in every process.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from narrows.classifiers import check_loadable, load
from narrows.core.edits import apply_edits
from narrows.core.tokens import TOKENIZER
from narrows.plan import DecisionCache, plan_body
from narrows.settings import ClassifierName
from narrows.wire.registry import wire_named
from tests.e2e.conversations import Conversation, RawClient, made, recorded
from tests.gateways import exchanges, gateway_process, running_gateway, settings_for, watched_process
from tests.scripted_upstream import ScriptedUpstream, whole

AT_ONCE = 8
"""Conversations in progress at the same time."""
ANSWER = whole(b"{}")
DEFAULT: dict[str, Any] = {"classifier": ClassifierName.MAGIKA}
FLAGS = ("--classifier", "magika")


@pytest.fixture(scope="session")
def conversations(corpus: Path) -> list[Conversation]:
    found = [*recorded(corpus), *made(corpus)]
    assert sum(one.name.startswith("tau-airline") for one in found) == 100
    assert len(found) > 140
    return found


@pytest.fixture(scope="session")
def expected(conversations: list[Conversation]) -> dict[str, bytes]:
    """What the library forwards for each turn: the reference for every gateway."""
    wire = wire_named("openai_chat")
    policy = settings_for("http://127.0.0.1:1").policy(check_loadable("magika"), TOKENIZER)
    classifier = load("magika")
    cache = DecisionCache(1 << 28)
    bodies = {}
    for one in conversations:
        for count in one.turns:
            body = one.request(count)
            bodies[label_of(one, count)] = apply_edits(
                body, plan_body(body, wire, policy, classifier=classifier, cache=cache).edits
            )
    return bodies


def label_of(one: Conversation, count: int) -> str:
    return f"{one.name}#{count}"


def quietly(upstream: ScriptedUpstream) -> ScriptedUpstream:
    upstream.otherwise = lambda request: ANSWER
    return upstream


def forwarded_by_label(upstream: ScriptedUpstream) -> dict[str, bytes]:
    forwarded = {request.values(b"x-label")[0].decode(): request.body for request in upstream.requests}
    assert len(forwarded) == len(upstream.requests)
    return forwarded


async def send_turns(
    gateways: Sequence[str], conversations: Sequence[Conversation], turns: slice = slice(None)
) -> None:
    """Send the turns of all conversations, a few conversations at a time; turn by turn the next gateway takes it."""
    waiting = iter(conversations)

    async def one_after_another(waiting: Iterator[Conversation]) -> None:
        clients = [await RawClient.to(gateway) for gateway in gateways]
        for one in waiting:
            for number, count in enumerate(one.turns[turns]):
                status, _ = await clients[number % len(clients)].post(one.request(count), label_of(one, count))
                assert status == 200
        for client in clients:
            client.close()

    await asyncio.gather(*(one_after_another(waiting) for _ in range(AT_ONCE)))


def check(conversations: list[Conversation], forwarded: dict[str, bytes], expected: dict[str, bytes]) -> None:
    """Every turn was forwarded as expected, and begins with the turn before."""
    assert forwarded.keys() == expected.keys()
    re_sent = 0
    for one in conversations:
        before = b""
        for count in one.turns:
            body = forwarded[label_of(one, count)]
            assert body.endswith(one.tail)
            assert body.startswith(before), f"{one.name}: a re-sent message changed at turn {count}"
            assert body == expected[label_of(one, count)], f"{one.name}: not what the library forwards, turn {count}"
            before = body.removesuffix(one.tail)
            re_sent += count
    assert re_sent > 10_000


async def test_the_edits_are_not_few(conversations: list[Conversation], expected: dict[str, bytes]) -> None:
    """The tests below would prove nothing over bodies that are forwarded as they came."""
    edited = [
        one for one in conversations if expected[label_of(one, len(one.messages))] != one.request(len(one.messages))
    ]
    assert len(edited) >= 20
    assert any(one.name.startswith("tau-airline") for one in edited)


@pytest.mark.parametrize(
    "settings",
    [{"plan_workers": 1}, {"plan_workers": 2}, {"plan_workers": 1, "inline_scan_bytes": 20_000, "cache_bytes": 50_000}],
    ids=["one planning process", "two", "read off the loop once they are long, and a cache that forgets"],
)
async def test_re_sent_messages_keep_their_bytes(
    conversations: list[Conversation],
    expected: dict[str, bytes],
    scripted_upstream: ScriptedUpstream,
    settings: dict[str, int],
) -> None:
    async with running_gateway(quietly(scripted_upstream).url, **DEFAULT, **settings) as gateway:
        await send_turns([gateway], conversations)
    check(conversations, forwarded_by_label(scripted_upstream), expected)


async def test_two_gateway_processes_taken_in_turn(
    conversations: list[Conversation], expected: dict[str, bytes], scripted_upstream: ScriptedUpstream
) -> None:
    url = quietly(scripted_upstream).url
    async with gateway_process(url, *FLAGS) as first, gateway_process(url, *FLAGS) as second:
        await send_turns([first, second], conversations)
    check(conversations, forwarded_by_label(scripted_upstream), expected)


async def test_after_a_restart(
    conversations: list[Conversation], expected: dict[str, bytes], scripted_upstream: ScriptedUpstream
) -> None:
    url = quietly(scripted_upstream).url
    for turns in (slice(0, 3), slice(3, None)):
        async with gateway_process(url, *FLAGS) as gateway:
            await send_turns([gateway], conversations, turns)
    check(conversations, forwarded_by_label(scripted_upstream), expected)


async def test_two_workers_taken_in_turn_and_replaced_in_the_middle(
    conversations: list[Conversation], expected: dict[str, bytes], scripted_upstream: ScriptedUpstream
) -> None:
    quietly(scripted_upstream)
    async with watched_process(
        scripted_upstream.url, *FLAGS, "--workers", "2", "--log-level", "info", "--plan-timeout-s", "60"
    ) as gateway:
        connections = [gateway.url] * 4  # the system deals them out to the workers
        await send_turns(connections, conversations, slice(0, 3))
        answered = {one["worker"] for one in await exchanges(gateway.url)}
        gateway.signal(signal.SIGUSR2)
        await gateway.says(b" restarted ")
        await send_turns(connections, conversations, slice(3, None))
        assert answered == {1, 2}
    check(conversations, forwarded_by_label(scripted_upstream), expected)


# Hostile messages


WRITTEN: tuple[bytes, ...] = (
    rb'{"role":"tool","tool_call_id":"call_0","content":"\ud800 alone"}',
    rb'{"role":"tool","content":"a","content":"b","role":"user"}',
    rb'{"role":"tool","content":{"deep":' + b"[" * 500 + b"]" * 500 + b"}}",
    rb'{"role":"tool","content":1e999}',
    rb'{"role":["tool"],"content":null}',
    rb'{"\u0072ole":"tool","c\u006fntent":"escaped keys"}',
    rb'{"role":"tool","content":"[narrows: 3 of 9 lines kept]\nnot ours"}',
    rb'{"role":"assistant","tool_calls":[{"id":"call_0","function":{"name":"cat","arguments":"other"}}]}',
    rb'{"role":"assistant","tool_calls":"none"}',
    rb'{"role":"user","content":[{"type":"text"},{"type":"text","text":7},null,"x"]}',
    rb"null",
    rb"[[]]",
    rb'"a string"',
    rb"{}",
    rb'{"role":"tool","tool_call_id":"call_1","content":"' + rb"\n" * 200_000 + rb'"}',
)


def hostile_messages(corpus: Path) -> list[tuple[bytes, ...]]:
    """Written above, and the messages of every hostile body that is JSON and not too deep: what makes a whole body
    unreadable is a matter for the whole body."""
    found: list[tuple[bytes, ...]] = [(message,) for message in WRITTEN]
    for path in sorted((corpus / "bodies" / "hostile").glob("*.json")):
        try:
            json.loads(path.read_bytes().decode(), parse_constant=_refuse)
            messages = msgspec.json.decode(path.read_bytes(), type=dict[str, msgspec.Raw])["messages"]
            appended = tuple(bytes(message) for message in msgspec.json.decode(messages, type=list[msgspec.Raw]))
        except (ValueError, KeyError, RecursionError):
            continue
        if appended:
            found.append(appended)
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


async def test_hostile_messages_leave_the_earlier_edits_as_they_were(
    conversations: list[Conversation], expected: dict[str, bytes], corpus: Path, scripted_upstream: ScriptedUpstream
) -> None:
    full = {one.name: expected[label_of(one, len(one.messages))] for one in conversations}
    edited = [one for one in conversations if full[one.name] != one.request(len(one.messages))]
    hostile = hostile_messages(corpus)
    assert len(hostile) > 40
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(running_gateway(quietly(scripted_upstream).url, **DEFAULT))
        client = await RawClient.to(gateway)
        stack.callback(client.close)
        for number, appended in enumerate(hostile):
            for one in (edited[number % len(edited)], edited[(number * 7 + 3) % len(edited)]):
                status, _ = await client.post(one.request(len(one.messages), appended), "hostile")
                body = scripted_upstream.requests[-1].body
                assert status == 200
                assert body.startswith(full[one.name].removesuffix(one.tail) + b","), (one.name, appended[0][:200])
                assert body.endswith(one.tail)
