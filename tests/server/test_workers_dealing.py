"""Every seat's sockets are accepted from by one worker."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from narrows.server.workers.dealing import dealt


def test_empty_seats_go_to_those_who_have_least() -> None:
    assert dealt([1, 2, 3], [1, 2, 3]) == {1: [1], 2: [2], 3: [3]}
    assert dealt([3, 1], [1, 2, 3, 4]) == {3: [3, 2], 1: [1, 4]}
    assert dealt([2], [1, 2, 3]) == {2: [2, 1, 3]}
    assert dealt([], [1, 2]) == {}


@given(st.sets(st.integers(1, 12), min_size=1), st.integers(12, 16))
def test_each_seat_is_dealt_once_and_evenly(seated: set[int], seats: int) -> None:
    taken = dealt(sorted(seated), range(1, seats + 1))
    assert taken.keys() == seated
    assert sorted(number for numbers in taken.values() for number in numbers) == list(range(1, seats + 1))
    assert all(numbers[0] == number for number, numbers in taken.items())
    sizes = [len(numbers) for numbers in taken.values()]
    assert max(sizes) - min(sizes) <= 1
