"""A reader that knows nothing but the bytes of each item: with a memory it must know the same."""

from __future__ import annotations

import re
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
    open_body,
    read_items,
    read_known,
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


ARRAY = re.compile(rb'"items": ?\[')
ITEMS = [b'{"%d":"%b"}' % (number, b"x" * 9_000) for number in range(6)]
FRONTS = (
    b'{"items":',
    b'{"model":"m", "items": ',
    b'{"x":{"items":[]},"items":',
    b'{"x\\"items":',
    b'{"x":{"items":',
    b'{"items":[1],"items":',
    b'{"x":"\\"items\\":[","items":',
    b'{"items":7,"x":',
    b'"items":',
)
TAILS = (
    b"}",
    b', "n":1, "n": 2}',
    b"]}",
    b'"}',
    b"}}",
    b"",
    b'," \xff":1}',
    b',"items":[]}',
    b'"items":[]}',
    b" } ",
    b"}x",
)


def opened(body: bytes, memory: ReadingMemory | None) -> tuple[object, list[bytes]]:
    """What `open_body` says of a body, and what is heard of its items."""
    found = open_body(body, ARRAY, None, memory, b"a wire")
    if isinstance(found, Untouched):
        return found, []
    members, known = found
    place = fields_of(members).get("items")
    if place is None or body[place[0]] != b"["[0]:
        return members, []
    if memory is not None and known is not None and known.start == place[0]:
        return members, read_known(Listener(body), body, place, None, memory, known).heard
    return members, read_items(Listener(body), body, place, None, memory, salt=b"a wire").heard


@given(
    st.lists(st.tuples(st.sampled_from(FRONTS), st.integers(0, 6), st.sampled_from(TAILS)), min_size=1, max_size=4),
    st.integers(0, 12),
)
def test_a_body_with_remembered_items_is_opened_the_same(turns: list[tuple[bytes, int, bytes]], cut: int) -> None:
    memory = ReadingMemory(1 << 20)
    for front, count, tail in [(FRONTS[0], 3, TAILS[0]), (FRONTS[1], 3, TAILS[0]), *turns]:
        body = front + items_body(ITEMS[:count]) + tail
        for one in (body, body[: len(body) - cut]):
            assert opened(one, memory) == opened(one, None)


def test_remembered_items_are_not_parsed_again() -> None:
    memory = ReadingMemory(1 << 20)
    first, second = (b'{"items":' + items_body(ITEMS[:count]) + b',"n":1}' for count in (4, 6))
    opened(first, memory)
    effort = Effort(100)
    found = open_body(second, ARRAY, effort, memory, b"a wire")
    assert not isinstance(found, Untouched)
    assert found[1] is not None
    assert found[1].reading is not None
    broken = first[:-2] + b"}"
    assert isinstance(open_body(broken, ARRAY, None, memory, b"a wire"), Untouched)


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
