"""Where exchanges stand: found one after the other, and what of a role goes into which half."""

from __future__ import annotations

from narrows.inject.splicing import Answered, Found, find, role_around
from narrows.inject.types import Exchange, Place


def exchange(said: str, *, mixed: bool = False) -> Exchange:
    return Exchange("w", Place(1, b""), (said,), mixed, 0, (), (), b"")


def advance(said: tuple[str, ...], cursor: int) -> int | None:
    return cursor + len(said[0]) if "abc".startswith(said[0], cursor) else None


def test_exchanges_are_found_in_their_order() -> None:
    none, a, b = exchange(""), exchange("a"), exchange("b")
    assert find([none, a, none, b], 0, advance) == Found(((0, (none,)), (1, (a, none)), (2, (b,))), None, 4)


def test_the_first_that_is_not_there_ends_the_search() -> None:
    assert find([exchange("a"), exchange("x"), exchange("b")], 0, advance) == Found(((1, (exchange("a"),)),), None, 1)


def test_a_mixed_one_is_the_last() -> None:
    mixed = exchange("b", mixed=True)
    assert find([exchange("a"), mixed], 0, advance) == Found(((1, (exchange("a"),)),), (2, mixed), 2)


def test_each_half_has_a_role() -> None:
    assert role_around({"role": (1, 2), "content": (5, 6)}, "content", b'"r"') == (b"", b'"role":"r",')
    assert role_around({"content": (1, 2), "role": (5, 6)}, "content", b'"r"') == (b',"role":"r"', b"")


def test_a_message_in_which_a_key_stands_twice_has_no_members() -> None:
    body = b'[{"a":1,"a":2},{"a":1},2]'
    answered = Answered(body, [(1, 14), (15, 22), (23, 24)], 0)
    assert [answered.fields(number).keys() for number in range(4)] == [set(), {"a"}, set(), set()]
