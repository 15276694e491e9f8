"""What is done with a request follows from its head alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from narrows.core.http1 import parse_request_head
from narrows.errors import LoopDetected, MalformedRequest
from narrows.policy import Level, Policy
from narrows.server.admission import Passed, PassReason, Planned, Rules, admit
from narrows.upstream.target import parse_target
from narrows.wire.types import Refusal

POLICY = Policy()
RULES = Rules(
    parse_target("http://h/v1"),
    {level: replace(POLICY, level=level) for level in Level},
    Level.BALANCED,
    b"our-mark",
)
SIZED = "Content-Length: 10"


def admitted(
    *lines: str, method: str = "POST", path: str = "/v1/chat/completions", rules: Rules = RULES
) -> Planned | Passed:
    block = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: h", *lines, "", ""]).encode()
    head = parse_request_head(block)
    return admit(head, head.origin_form, rules)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions", "/chat/completions?api-version=1"])
@pytest.mark.parametrize("framing", [SIZED, "Transfer-Encoding: chunked"])
def test_a_known_wire_with_a_body_is_planned(path: str, framing: str) -> None:
    found = admitted(framing, path=path)
    assert isinstance(found, Planned)
    assert (found.wire.name, found.policy, found.drop) == ("openai_chat", POLICY, frozenset())


@pytest.mark.parametrize(
    ("lines", "method", "path", "reason", "wire"),
    [
        ([SIZED], "POST", "/v1/embeddings", None, False),
        ([], "GET", "/v1/chat/completions", None, False),
        ([], "POST", "/v1/chat/completions", PassReason.NO_BODY, True),
        ([SIZED, "X-Narrows-Policy: off"], "POST", "/v1/chat/completions", PassReason.POLICY_OFF, True),
        ([SIZED, "Cache-Control: x, no-transform"], "POST", "/v1/chat/completions", PassReason.NO_TRANSFORM, True),
        ([SIZED, "cache-control:no-transform"], "POST", "/v1/chat/completions", PassReason.NO_TRANSFORM, True),
        ([SIZED, "Cache-Control: a, b", "Cache-Control: c ,NO-TRANSFORM"], "POST", "/v1/chat/completions",
         PassReason.NO_TRANSFORM, True),
        ([SIZED, "content-encoding: gzip"], "POST", "/v1/chat/completions", Refusal.ENCODED, True),
        ([SIZED, "Authorization: AWS4-HMAC-SHA256 x"], "POST", "/v1/chat/completions", Refusal.ENCODED, True),
    ],
)  # fmt: skip
def test_everything_else_is_passed_on(lines: list[str], method: str, path: str, reason: object, wire: bool) -> None:
    found = admitted(*lines, method=method, path=path)
    assert isinstance(found, Passed)
    assert (found.reason, found.wire is not None) == (reason, wire)


@pytest.mark.parametrize(
    "line", ["Cache-Control: no-transformers", "X-Digest: a", "X-Signature: a", "Cache: no-transform"]
)
def test_fields_that_only_look_alike_change_nothing(line: str) -> None:
    assert isinstance(admitted(SIZED, line), Planned)


@pytest.mark.parametrize("level", [Level.LOSSLESS, Level.BALANCED])
def test_a_request_may_choose_its_level(level: Level) -> None:
    for rules in (RULES, replace(RULES, default_level=Level.OFF)):
        found = admitted(SIZED, f"x-narrows-policy:  {level.title()} ", rules=rules)
        assert isinstance(found, Planned)
        assert (found.policy.level, found.drop) == (level, frozenset({b"x-narrows-policy"}))


def test_what_is_read_here_is_read_by_nobody_behind() -> None:
    rules = replace(RULES, drop=frozenset({b"x-narrows-policy", b"x-narrows-session"}))
    assert admitted(SIZED, "X-Narrows-Session: a", rules=rules).drop == rules.drop
    assert b"x-narrows-session" not in admitted(SIZED, "X-Narrows-Session: a").drop


def test_the_settings_may_switch_planning_off() -> None:
    found = admitted(SIZED, rules=replace(RULES, default_level=Level.OFF))
    assert isinstance(found, Passed)
    assert found.reason is PassReason.POLICY_OFF


@pytest.mark.parametrize("lines", [["x-narrows-policy: none"], ["x-narrows-policy:"], ["x-narrows-policy: off"] * 2])
def test_a_level_that_is_none_is_refused(lines: list[str]) -> None:
    with pytest.raises(MalformedRequest, match="off, lossless, balanced") as refused:
        admitted(*lines, path="/anything")
    assert refused.value.param == "x-narrows-policy"


def test_our_own_mark_is_a_loop_and_anothers_is_not() -> None:
    assert isinstance(admitted(SIZED, "x-narrows-loop: other"), Planned)
    with pytest.raises(LoopDetected, match="--upstream"):
        admitted(SIZED, "X-NARROWS-LOOP: other", "X-Narrows-Loop: our-mark")


def test_an_expectation_is_ours_to_answer() -> None:
    assert admitted(SIZED, "Expect: 100-continue").drop == {b"expect"}
    assert admitted(SIZED, "Expect: 100-continue", "x-narrows-policy: off").drop == {b"expect", b"x-narrows-policy"}
