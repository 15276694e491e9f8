"""Where a request's body ends."""

from __future__ import annotations

import pytest

from narrows.core.http1 import Chunked, NoBody, Sized
from narrows.server.body_end import UNREAD, body_end


def test_no_body_has_no_end_to_look_for() -> None:
    assert body_end(NoBody()) is None
    assert body_end(Sized(0)) is None
    assert not UNREAD.done


@pytest.mark.parametrize("cut", range(7))
def test_a_length_is_counted_down_and_what_follows_is_left(cut: int) -> None:
    end = body_end(Sized(5))
    assert end is not None
    data = b"12345GET"
    first = end.receive_data(data[:cut])
    assert (first, end.done) == (min(cut, 5), cut >= 5)
    assert end.receive_data(data[first:]) == 5 - first
    assert end.done


def test_chunks_end_with_the_last_of_them() -> None:
    end = body_end(Chunked())
    assert end is not None
    assert end.receive_data(b"1\r\na\r\n0\r\n\r") == 10
    assert not end.done
    assert end.receive_data(b"\nGET") == 1
    assert end.done
