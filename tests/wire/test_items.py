"""A reader that knows nothing but the bytes of each item: with a memory it must know the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core import jsonscan
from narrows.core.effort import Effort, OutOfEffortError
from narrows.wire.items import (
    fields_of,
    literal_at,
    object_at,
    read_items,
    repeated,
    repeated_key,
    text_at,
    top_level,
)
from narrows.wire.reading import ReadingMemory
from narrows.wire.types import Refusal, Untouched


@dataclass
class Listener:
    body: bytes
    heard: list[bytes] = field(default_factory=list)
    read_now: int = 0

    @property
    def size_bytes(self) -> int:
        return sum(map(len, self.heard))

    def copy(self, body: bytes, effort: Effort | None) -> Listener:
        return Listener(body, self.heard.copy())

    def read(self, items: Sequence[jsonscan.Element]) -> Listener:
        self.read_now += len(items)
        self.heard += [self.body[start:stop] for start, stop in items]
        return self


def items_body(items: Sequence[bytes]) -> bytes:
    return b"[" + b", ".join(items) + b"]"


def listen(body: bytes, memory: ReadingMemory | None, salt: bytes = b"a wire") -> Listener:
    return read_items(Listener(body), body, (0, len(body)), None, memory, salt=salt)


@given(st.lists(st.integers(0, 30_000), max_size=12), st.integers(1, 12))
def test_a_memory_changes_nothing_but_what_is_read(sizes: list[int], first: int) -> None:
    items = [b'{"%d":"%b"}' % (number, b"x" * size) for number, size in enumerate(sizes)]
    memory = ReadingMemory(1 << 20)
    for count in (min(first, len(items)), len(items)):
        body = items_body(items[:count])
        assert listen(body, memory).heard == items[:count]


def test_what_was_read_is_not_read_again() -> None:
    items = [b'{"%d":"%b"}' % (number, b"x" * 9_000) for number in range(10)]
    memory = ReadingMemory(1 << 20)
    assert listen(items_body(items[:8]), memory).read_now == 8
    assert listen(items_body(items), memory).read_now == 2


def test_another_wire_reads_for_itself() -> None:
    items = [b'{"%d":"%b"}' % (number, b"x" * 9_000) for number in range(4)]
    memory = ReadingMemory(1 << 20)
    listen(items_body(items), memory)
    assert listen(items_body([*items, b"{}"]), memory, salt=b"another").read_now == 5


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"a":"\xff"}', Refusal.NOT_UTF8),
        (b'{"a":', Refusal.NOT_JSON),
        (b"[1]", Refusal.NOT_AN_OBJECT),
        (b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}", Refusal.TOO_DEEP),
    ],
)
def test_a_body_that_is_no_request_says_why(body: bytes, reason: Refusal) -> None:
    found = top_level(body, None)
    assert isinstance(found, Untouched)
    assert found.reason is reason


def test_effort_is_bounded_at_the_top_too() -> None:
    body = b"{" + b",".join(b'"%d":1' % number for number in range(100)) + b"}"
    with pytest.raises(OutOfEffortError):
        top_level(body, Effort(10))


def test_members_by_key() -> None:
    body = b'{"a": "x\\u00e9", "n": 1, "a": {"b": true}}'
    top = top_level(body, None)
    assert not isinstance(top, Untouched)
    fields = fields_of(top)
    assert literal_at(body, fields["n"]) == b"1"
    assert literal_at(body, fields.get("absent")) == b""
    assert object_at(body, fields["a"], None).keys() == {"b"}
    assert object_at(body, fields["n"], None) == {}
    assert object_at(body, None, None) == {}
    assert repeated(top, fields) == "duplicate key"
    assert repeated_key(top, fields, ("n", "a")) == "a"
    assert repeated_key(top, fields, ("n",)) is None


@pytest.mark.parametrize(
    ("literal", "text"), [(b'"plain"', "plain"), (b'"x\\u00e9"', "xé"), (b'"\\ud800"', None), (b"12", None)]
)
def test_the_text_of_a_value(literal: bytes, text: str | None) -> None:
    assert text_at(literal, (0, len(literal))) == text
    assert text_at(literal, None) is None
