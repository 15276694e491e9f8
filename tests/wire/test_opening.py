"""Opening a request is the same on every wire: whatever way a conversation is read, the same is known, and what was
read before is not read again."""

from __future__ import annotations

import json

import pytest

from narrows.core import jsonscan
from narrows.core.effort import Effort
from narrows.policy import Scope
from narrows.wire.opening import Conversation
from narrows.wire.reading import ReadingMemory
from narrows.wire.registry import wire_named
from narrows.wire.types import Located, Refusal, Untouched
from tests.laws.conversations import Style
from tests.laws.wires import CASES, WireCase

every_wire = pytest.mark.parametrize("case", CASES, ids=lambda case: case.wire.name)


@every_wire
def test_what_was_read_is_neither_parsed_nor_read_again(case: WireCase, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = ReadingMemory(1 << 20)
    items = [case.shortened] * 40
    before = case.wire.locate(case.body(items), Scope.STABLE, memory)
    read: list[int] = []
    elements, document = jsonscan.elements_after, jsonscan.document

    def counted(body: bytes, position: int, stop: int, effort: Effort | None) -> list[jsonscan.Element]:
        found = elements(body, position, stop, effort)
        read.append(len(found))
        return found

    def short(body: bytes, effort: Effort | None) -> list[jsonscan.Member]:
        assert len(body) < 2 * len(json.dumps(case.shortened)), "all but the newest items are left out"
        return document(body, effort)

    monkeypatch.setattr(jsonscan, "elements_after", counted)
    monkeypatch.setattr(jsonscan, "document", short)
    after = case.wire.locate(case.body([*items, case.shortened]), Scope.STABLE, memory)
    assert read == [1]
    assert isinstance(before, Located)
    assert isinstance(after, Located)
    assert after.parts[:-1] == before.parts


@every_wire
@pytest.mark.parametrize("style", [Style(), Style(spaces=("", " ")), Style(spaces=(" ", "\n"))])
def test_a_short_conversation_is_split_or_walked_to_the_same_parts(case: WireCase, style: Style) -> None:
    """White space keeps the fast way from proving anything."""
    found = case.wire.locate(case.body([case.shortened], style), Scope.STABLE)
    assert isinstance(found, Located)
    assert [part.pointer for part in found.parts] == [pointer for pointer, _, _ in case.expected([case.shortened])]


def test_a_refusal_says_the_model_and_whether_a_stream_was_asked_for() -> None:
    conversation = Conversation("test", "items", "model", first=())
    for body, reason, detail in (
        (b'{"model": "m", "stream": true, "items": [], "items": []}', Refusal.DUPLICATE_KEY, "items"),
        (b'{"model": "a", "stream": true, "model": "m"}', Refusal.DUPLICATE_KEY, "model"),
    ):
        assert conversation.open(body, None, None) == Untouched(reason, detail, "m", True)


@pytest.mark.parametrize("settings", ["generationConfig", "generation_config"])
@pytest.mark.parametrize("count", ["candidateCount", "candidate_count"])
def test_several_candidates_by_either_spelling_are_refused_though_the_other_says_one(settings: str, count: str) -> None:
    body = {"generationConfig": {"candidateCount": 1}, "contents": []}
    body[settings] = {"candidateCount": 1, "candidate_count": 1, count: 2}
    found = wire_named("gemini").locate(json.dumps(body).encode(), Scope.STABLE)
    assert isinstance(found, Untouched)
    assert found.reason is Refusal.SEVERAL_CHOICES
