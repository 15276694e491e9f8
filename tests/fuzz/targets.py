"""What is fuzzed. A target takes any bytes and raises where something is wrong: an error that is not documented, or a
reading that differs from the one it is held to. The checks are the ones of the tests of each module; the fuzzer only
finds other bytes for them.

`make_target` names imports where they are used, so that a fuzzer can instrument what it imports.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module

Target = Callable[[bytes], None]

MODULES = {
    "http1": ("narrows.core",),
    "jsonscan": ("narrows.core",),
    "sse": ("narrows.core",),
    "planner": ("narrows",),
    "compressors": ("narrows",),
    "offered": ("narrows.inject", "narrows.core"),
}
"""The targets, and the packages in which each looks for new ways."""
LONGEST = {"http1": 2048, "jsonscan": 2048, "sse": 512, "planner": 2048, "compressors": 3072, "offered": 1024}
"""Bytes of an input. Longer ones teach a fuzzer little and cost it much."""


def make_target(name: str) -> Target:
    """The target of this name; it may remember what it has seen."""
    made = {
        "http1": _http1,
        "jsonscan": _jsonscan,
        "sse": _sse,
        "planner": _planner,
        "compressors": _compressors,
        "offered": _offered,
    }
    return made[name]()


def _http1() -> Target:
    """Whatever is accepted, llhttp and h11 accept with the same framing. The first byte says what is being read."""
    from tests.core.test_http1_differential import check

    readings = (
        (b"", None),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", None),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", None),
        (b"", b"GET"),
        (b"", b"HEAD"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"GET"),
    )

    def http1(data: bytes) -> None:
        start, method = readings[data[0] % len(readings)] if data else readings[0]
        check(start + data[1:], method)

    return http1


def _jsonscan() -> Target:
    """The scanner accepts what the standard library accepts, and every place that it finds holds what stands there."""
    from narrows.core.jsonscan import NotJsonError, TooDeepError, WrongTypeError, document
    from tests.core.test_jsonscan import check_members, reference

    def jsonscan(data: bytes) -> None:
        try:
            expected = reference(data)
        except (ValueError, RecursionError) as error:
            expected = error
        try:
            found = document(data)
        except NotJsonError:
            assert isinstance(expected, ValueError | RecursionError), "refused, though it is JSON"
        except TooDeepError:
            assert data.count(b"[") + data.count(b"{") > 100, "called too deep, though it is not"
        except WrongTypeError:
            assert not isinstance(expected, tuple), "refused, though it is an object"
        else:
            assert isinstance(expected, tuple), "accepted, though it is no JSON object"
            check_members(data, found, expected[1])

    return jsonscan


def _sse() -> Target:
    """Any cut of a stream gives the events that the standard's own algorithm gives. The first byte bounds an event."""
    from narrows.core.sse import MAX_EVENT_BYTES
    from tests.core.event_streams import decoded, read_by_the_standard, single_bytes

    def sse(data: bytes) -> None:
        bound = data[0] or MAX_EVENT_BYTES if data else MAX_EVENT_BYTES
        stream = data[1:]
        expected = read_by_the_standard(stream, bound)
        assert decoded([stream], bound) == expected
        assert decoded(single_bytes(stream), bound) == expected

    return sse


def _planner() -> Target:
    """No body makes the planner raise; a plan with a memory is the plan without one; what is edited stays what it was
    around the edits. The first byte chooses the wire, the policy, and whether the rest is a body or a tool's output."""
    from narrows.core.edits import apply_edits
    from narrows.plan import DecisionCache, plan_body
    from narrows.policy import Level, Policy, Scope
    from narrows.wire.registry import WIRES

    import_module("narrows.compressors.registry")  # it is loaded with the first decision, which would be too late
    policies = (
        Policy(),
        Policy(min_saved_tokens=1, min_saved_share=0.0),
        Policy(level=Level.LOSSLESS, min_saved_tokens=1, min_saved_share=0.0),
        Policy(scope=Scope.LATEST),
    )
    memory = DecisionCache(1 << 20)

    def planner(data: bytes) -> None:
        choice, rest = (data[0], data[1:]) if data else (0, data)
        wire, policy = WIRES[choice % 4 if choice & 64 else 0], policies[choice >> 2 & 3]
        body = rest if choice & 64 else said_by_a_tool(rest.decode(errors="replace"))
        plan = plan_body(body, wire, policy)
        assert plan_body(body, wire, policy, cache=memory).edits == plan.edits, "a memory changed a plan"
        edited = apply_edits(body, plan.edits)
        if not plan.edits:
            assert edited is body
            return
        again = wire.locate(edited, policy.scope)
        assert plan.located is not None
        assert len(getattr(again, "parts", ())) == len(plan.located.parts), "an edit left its string"
        json.loads(edited)

    return planner


def _compressors() -> Target:
    """Laws 3, 6 and 7 over a tool's output: what is shortened is known again as ours, says only what its source says,
    and decodes to it where it calls itself lossless. The first byte chooses the level and the call."""
    from narrows.compressors import marks
    from narrows.compressors.registry import COMPRESSORS, Registry, expand
    from narrows.compressors.types import Compressed
    from narrows.core.tokens import Encoding
    from narrows.core.tool_call import ToolCall
    from narrows.policy import Level
    from tests.laws.all_kinds import KINDS
    from tests.laws.kinds import EVERY_SIZE, NeverVetoes

    registry = Registry(COMPRESSORS, NeverVetoes(), strict=True)
    encoding = Encoding("o200k_base", assumed=False)
    policies = [replace(EVERY_SIZE, level=level) for level in (Level.BALANCED, Level.LOSSLESS)]
    calls = (None, *(kind.tool_call for kind in KINDS), ToolCall("bash", '{"cmd":"pytest -q"}'))
    kinds = {kind.compressor.kind: kind for kind in KINDS}

    def compressors(data: bytes) -> None:
        choice, source = (data[0], data[1:].decode(errors="replace")) if data else (0, "")
        policy, call = policies[choice & 1], calls[(choice >> 1) % len(calls)]
        first = registry.compress_text(source, call, policy, encoding).result
        if not isinstance(first, Compressed):
            return
        kind = kinds[first.kind]
        assert kind.compressor.is_output(first.text), "ours is not known again"
        assert not isinstance(registry.compress_text(first.text, call, policy, encoding).result, Compressed)
        assert marks.is_mark(first.text.partition("\n")[0])
        kind.check_truth(source, first.text)
        expanded = expand(first.text)
        assert (expanded is not None) is first.lossless
        assert expanded is None or kind.same(source, expanded)

    return compressors


def _offered() -> Target:
    """Requests, answers and histories of an agent that is offered a client's tools. The first byte chooses which, and
    the wire."""
    from tests.inject.cases import CASES
    from tests.inject.checks import check_answer, check_history, check_request, exchanges_of

    known = [(case, exchanges_of(case)) for case in CASES]

    def offered(data: bytes) -> None:
        choice, rest = (data[0], data[1:]) if data else (0, data)
        case, exchanges = known[choice % len(known)]
        match choice // len(known) % 3:
            case 0:
                check_request(case, rest)
            case 1:
                check_answer(case, rest)
            case _:
                check_history(case, rest, exchanges)

    return offered


def said_by_a_tool(text: str) -> bytes:
    """A conversation in which a tool has said this, twice."""
    call = {"id": "c", "type": "function", "function": {"name": "bash", "arguments": '{"cmd":"make"}'}}
    turn = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": text},
    ]
    return json.dumps({"model": "gpt-4o", "messages": turn * 2}, ensure_ascii=False).encode()
