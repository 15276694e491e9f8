from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.sse import ServerSentEvent
from narrows.wire import answers
from narrows.wire.answers import Tally
from narrows.wire.gemini.arrays import ChunksReader
from narrows.wire.types import ResponseRecord
from tests.core.event_streams import cut, single_bytes


class Chunks:
    """Keeps the elements, and a whole body, that it is given."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.found: list[bytes] = []

    def take_event(self, event: ServerSentEvent) -> None:
        self.found.append(event.data)

    def take_body(self, body: bytes) -> None:
        self.found.append(b"body " + body)

    def record(self) -> ResponseRecord:
        return self.tally.record([])


def read(pieces: list[bytes]) -> Chunks:
    chunks = Chunks()
    reader = ChunksReader(chunks)
    for piece in pieces:
        reader.receive_data(piece)
    reader.receive_eof()
    return chunks


objects = st.dictionaries(
    st.text(max_size=3),
    st.recursive(
        st.text('a"\\[]{},é', max_size=6) | st.integers(), lambda one: st.lists(one, max_size=3), max_leaves=5
    ),
    max_size=3,
)


@given(st.lists(objects, max_size=4), st.lists(st.integers(0, 400), max_size=8), st.sampled_from([",", ",\r\n", " , "]))
def test_the_elements_at_any_cut(elements: list[Any], places: list[int], between: str) -> None:
    written = [json.dumps(element, ensure_ascii=False).encode() for element in elements]
    answer = b"[" + between.encode().join(written) + b"\n]\n"
    for pieces in ([answer], list(cut(answer, places)), list(single_bytes(answer))):
        chunks = read([piece for piece in pieces if piece])
        assert chunks.found == written
        assert chunks.tally.done
        assert chunks.tally.unparsed == 0


def test_an_array_that_was_cut_off_says_so() -> None:
    chunks = read([b'[{"a": 1},\r\n{"b": "]'])
    assert chunks.found == [b'{"a": 1}']
    assert (chunks.tally.done, chunks.tally.unparsed) == (False, 1)


def test_nothing_is_read_after_the_array() -> None:
    assert read([b'[{"a": 1}]', b'[{"b": 2}]']).found == [b'{"a": 1}']


def test_an_object_is_a_whole_body() -> None:
    assert read([b'{"a":', b" 1}"]).found == [b'body {"a": 1}']


def test_an_element_over_the_bound_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_EVENT_BYTES", 100)
    chunks = read([b'[{"a": "', b"x" * 200, b'"}, {"b": 1}]'])
    assert chunks.found == []
    assert chunks.tally.dropped == answers.BODY_TOO_LARGE
