from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from narrows.core import jsonscan
from narrows.core.effort import Effort, OutOfEffortError
from narrows.core.jsonscan import MAX_DEPTH, NotJsonError, TooDeepError, WrongTypeError, document, elements, members

Pairs = list[tuple[str, Any]]
Draw = Callable[[st.SearchStrategy[Any]], Any]

SPACES = st.sampled_from(("", "", "", " ", "\n  ", "\t\r\n"))
KEYS = st.sampled_from(("a", "b", "content", "é", "\u2028", 'q"', "", "\ud800", "😀"))
TEXTS = st.sampled_from(("", "x", '",a":1', "\\", "[{", "\u0000\u001f", "é😀\udc00", "\ud83d", "a" * 40))
NUMBERS = st.sampled_from(("0", "-0", "1.0", "1E400", "12345678901234567890", "-1.5e-7", "true", "false", "null"))


def a_string(draw: Draw, texts: st.SearchStrategy[str]) -> str:
    text = draw(texts)
    lone = any("\ud800" <= one <= "\udfff" for one in text)
    return json.dumps(text, ensure_ascii=lone or draw(st.booleans()))


def a_value(draw: Draw, depth: int) -> str:
    shape = draw(st.sampled_from(("number", "string", "object", "array") if depth else ("number", "string")))
    if shape == "number":
        return str(draw(NUMBERS))
    if shape == "string":
        return a_string(draw, TEXTS)
    return an_object(draw, depth - 1) if shape == "object" else an_array(draw, depth - 1)


def joined(draw: Draw, items: list[str], brackets: str) -> str:
    inner = ",".join(draw(SPACES) + item + draw(SPACES) for item in items) if items else draw(SPACES)
    return brackets[0] + inner + brackets[1]


def an_object(draw: Draw, depth: int) -> str:
    pairs = range(draw(st.integers(0, 4)))
    items = [a_string(draw, KEYS) + draw(SPACES) + ":" + draw(SPACES) + a_value(draw, depth) for _ in pairs]
    return joined(draw, items, "{}")


def an_array(draw: Draw, depth: int) -> str:
    return joined(draw, [a_value(draw, depth) for _ in range(draw(st.integers(0, 4)))], "[]")


@st.composite
def bodies(draw: Draw) -> bytes:
    body: str = draw(SPACES) + an_object(draw, 3) + draw(SPACES)
    return body.encode()


@st.composite
def mutated_bodies(draw: Draw) -> bytes:
    body = bytearray(draw(bodies()))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(body)))
        cut = draw(st.integers(0, 3))
        body[place : place + cut] = draw(
            st.sampled_from(b"{ } [ ] , : \" \\ 0 1 - . e t \x00 \xff \\u \\ud800 NaN // ' \xc3\xa9".split())
        )
    return bytes(body)


def reference(body: bytes) -> Any:
    """What the standard library reads, with every member of an object kept, in order."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(
        body.decode(errors="surrogateescape"),
        object_pairs_hook=lambda pairs: ("object", pairs),
        parse_constant=refuse,
        parse_int=str,
        parse_float=str,
    )


def check_value(body: bytes, start: int, stop: int, expected: Any) -> None:
    """Every span inside a value holds what the reference read there; spans have no white space around them."""
    assert reference(body[start:stop]) == expected
    assert body[start:stop].strip(b" \t\r\n") == body[start:stop]
    if isinstance(expected, tuple):
        check_members(body, members(body, start, stop), expected[1])
    elif isinstance(expected, list):
        found = elements(body, start, stop)
        assert len(found) == len(expected)
        for (first, last), value in zip(found, expected, strict=True):
            check_value(body, first, last, value)
        for position, (_, last) in enumerate(found):
            assert jsonscan.elements_after(body, last, stop) == found[position + 1 :]


def check_members(body: bytes, found: list[jsonscan.Member], expected: Pairs) -> None:
    assert [key for key, _, _ in found] == [key for key, _ in expected]
    for (_, start, stop), (_, value) in zip(found, expected, strict=True):
        check_value(body, start, stop, value)


@given(bodies())
@example(b'{"a":1,"b":{"x":0      ,"b":5},"a":123456789012}')  # lengths alone make a chain that closes
@example(b'{"a":"12","a":"1"}')
@example(b' {"a" : [ ] , "b":{ } , "c":[1 , 2]} ')
def test_every_place_is_exact(body: bytes) -> None:
    kind, pairs = reference(body)
    assert kind == "object"
    check_members(body, document(body), pairs)


@given(st.one_of(mutated_bodies(), bodies()))
@example(b"\xef\xbb\xbf{}")
@example(b'{"a":01}')
@example(b'{"a":NaN}')
@example(b'{"a":1,}')
@example(b'{"a":"\\ud800"}')
def test_it_accepts_what_the_standard_library_accepts(body: bytes) -> None:
    try:
        expected = reference(body)
    except ValueError:
        with pytest.raises(NotJsonError):
            document(body)
        return
    if isinstance(expected, tuple):
        check_members(body, document(body), expected[1])
    else:
        with pytest.raises(WrongTypeError):
            document(body)


@given(st.one_of(mutated_bodies(), bodies()))
def test_the_fast_way_says_what_the_exact_way_says_or_nothing(body: bytes) -> None:
    fast = jsonscan._fast_members(body, 0, len(body))
    if fast is not None:
        assert fast == jsonscan._exact_members(body, 0, len(body))
    array = b"[" + body + b"]"
    fast_elements = jsonscan._fast_elements(array, 0, len(array))
    if fast_elements is not None:
        assert fast_elements == jsonscan._exact_elements(array, 0, len(array))


@st.composite
def object_arrays(draw: Draw) -> bytes:
    """Arrays of objects, most of them written without white space."""
    compact = draw(st.booleans())
    items = [an_object(draw, 1) for _ in range(draw(st.integers(0, 3)))]
    if compact:
        items = [re.sub(r'("(?:[^"\\\\]|\\\\.)*")|[ \t\r\n]+', r"\1", item) for item in items]
    return joined(draw, items, "[]").encode()


@given(st.one_of(object_arrays(), mutated_bodies()), st.binary(max_size=3))
@example(b'[{"a":1,"b":{"x":0 ,"b":5}},{"a":"x"}]', b"")
@example(b'[{"a":1,"b":2,"a":123456789012}]', b"")
@example(b'[{"a":1},{}]', b"")
@example(b'[{"a":1} ,{"b":1}]', b"")
def test_objects_are_split_at_once_exactly_or_not_at_all(array: bytes, before: bytes) -> None:
    body, start, stop = before + array + before, len(before), len(before) + len(array)
    found = jsonscan.objects(body, start, stop)
    if found is not None:
        singly = [members(body, *element) for element in elements(body, start, stop)]
        assert [list(fields.items()) for fields in found] == [
            [(key, (first, last)) for key, first, last in one] for one in singly
        ]


def test_objects_as_most_clients_write_them_are_split_at_once() -> None:
    array = b'[{"role":"user","content":[{"a": 1}]},{"role":"x"}]'
    assert jsonscan.objects(array, 0, len(array)) == [{"role": (9, 15), "content": (26, 36)}, {"role": (46, 49)}]
    with pytest.raises(OutOfEffortError):
        jsonscan.objects(array, 0, len(array), Effort(4))


@pytest.mark.parametrize("body", [b'{"a":1,"b":[2]}', b'{"a": 1, "b": [2]}', b' {"a":\t1 ,"b":[2]\n} '])
def test_common_layouts_take_the_fast_way(body: bytes) -> None:
    assert jsonscan._fast_members(body, 0, len(body)) == jsonscan._exact_members(body, 0, len(body))


@pytest.mark.parametrize("body", [b'{"a":1,"a":1}', b'{"a":1,"\\u0061":22}', b'{"a":"\\ud800"}'])
def test_the_fast_way_gives_up_rather_than_guess(body: bytes) -> None:
    assert jsonscan._fast_members(body, 0, len(body)) is None
    assert len(document(body)) in (1, 2)


def test_repeated_keys_are_all_there() -> None:
    assert document(b'{"a":1,"b":2,"\\u0061":3}') == [("a", 5, 6), ("b", 11, 12), ("a", 22, 23)]


@pytest.mark.parametrize("body", [b"[1]", b'"x"', b"null", b" 12 ", b"[" * 9 + b"]" * 9])
def test_another_value_is_no_object(body: bytes) -> None:
    with pytest.raises(WrongTypeError):
        document(body)
    with pytest.raises(WrongTypeError):
        members(body, 0, len(body))


def test_an_object_is_no_array() -> None:
    with pytest.raises(WrongTypeError):
        elements(b'{"a":1}', 0, 7)


@pytest.mark.parametrize("text", [b"[1}", b"[1 2]", b"[", b"[1,", b"[,]", b"[1]x", b'["\\x"]', b"[1.]", b'["\n"]'])
def test_broken_arrays(text: bytes) -> None:
    body = b'{"a":' + text + b"}"
    with pytest.raises(NotJsonError) as caught:
        document(body)
    assert 0 <= caught.value.position <= len(body)
    assert str(caught.value.position) in str(caught.value)


def nested(levels: int, brackets: str = "[]") -> bytes:
    """An object with so many levels in all."""
    opening, closing = ('{"x":', "}") if brackets == "{}" else ("[", "]")
    return f'{{"a":{opening * (levels - 1)}{closing * (levels - 1)}}}'.replace('{"x":}', "{}").encode()


@pytest.mark.parametrize("brackets", ["[]", "{}"])
@pytest.mark.parametrize("levels", [2, 900, 1_100, MAX_DEPTH])
def test_depth_up_to_the_limit(levels: int, brackets: str) -> None:
    body = nested(levels, brackets)
    assert document(body) == [("a", 5, len(body) - 1)]


@pytest.mark.parametrize("brackets", ["[]", "{}"])
@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 100_000])
def test_depth_over_the_limit(levels: int, brackets: str) -> None:
    with pytest.raises(TooDeepError, match=str(MAX_DEPTH)):
        document(nested(levels, brackets))


def test_depth_is_judged_alike_under_another_recursion_limit() -> None:
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(3 * MAX_DEPTH)
        with pytest.raises(TooDeepError):
            document(nested(MAX_DEPTH + 1))
        assert document(nested(MAX_DEPTH - 1))
    finally:
        sys.setrecursionlimit(limit)


@given(st.one_of(mutated_bodies(), bodies()))
def test_a_value_is_what_the_standard_library_accepts(body: bytes) -> None:
    try:
        reference(body)
    except ValueError:
        assert not jsonscan.is_value(body)
    else:
        assert jsonscan.is_value(body)


@pytest.mark.parametrize("levels", [1, 5_000, MAX_DEPTH])
def test_a_deep_value_is_one_up_to_the_limit(levels: int) -> None:
    assert jsonscan.is_value(b"[" * levels + b"]" * levels)
    assert not jsonscan.is_value(b"[" * levels + b"]" * (levels - 1))
    assert not jsonscan.is_value(b"[" * (MAX_DEPTH + levels) + b"]" * (MAX_DEPTH + levels))


def test_brackets_in_texts_are_not_depth() -> None:
    body = json.dumps({"a": "[" * 3 * MAX_DEPTH}).encode()
    assert document(body) == [("a", 6, len(body) - 1)]


def test_a_long_string_full_of_escapes_is_scanned() -> None:
    body = b'{"a":"' + b'\\n\\"' * 250_000 + b'\\ud800"}'
    assert document(body) == [("a", 5, len(body) - 1)]


FAST = b'{"a":[1,2,3],"b":2}'
SLOW = b'{"a":"\\ud800","b":2}'


@pytest.mark.parametrize(("body", "steps"), [(FAST, 3), (SLOW, len(SLOW))], ids=["fast", "exact"])
def test_an_effort_counts_values_or_the_bytes_of_the_slow_way(body: bytes, steps: int) -> None:
    effort = Effort(steps)
    assert document(body, effort) == document(body)
    assert effort.steps == 0
    with pytest.raises(OutOfEffortError):
        document(body, Effort(steps - 1))


def test_an_effort_counts_what_is_inside_as_well() -> None:
    (_, start, stop), _ = document(FAST)
    found = elements(FAST, start, stop)
    assert elements(FAST, start, stop, Effort(4)) == found
    assert jsonscan.elements_after(FAST, found[0][1], stop, Effort(3)) == found[1:]
    with pytest.raises(OutOfEffortError):
        elements(FAST, start, stop, Effort(3))
    assert members(FAST, 0, len(FAST), Effort(3)) == document(FAST)
    with pytest.raises(OutOfEffortError):
        members(FAST, 0, len(FAST), Effort(2))


@pytest.mark.parametrize("body", [b'{"a":1,"b":2}', b'{"a":1, "b" :2}'], ids=["dense", "spaced"])
def test_an_effort_ends_before_places_are_sought(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonscan, "_walk_members", lambda *_: pytest.fail("sought"))
    monkeypatch.setattr(jsonscan, "_exact_members", lambda *_: pytest.fail("sought"))
    with pytest.raises(OutOfEffortError):
        document(body, Effort(2))


def test_an_array_crowded_with_values_is_not_even_split() -> None:
    crowded = b"[" + b"1," * jsonscan.CROWDED_FROM_BYTES + b"1]"
    texts = b'["' + b"one, two, three; " * (jsonscan.CROWDED_FROM_BYTES // 16) + b'"]'
    assert len(texts) >= jsonscan.CROWDED_FROM_BYTES
    assert len(elements(texts, 0, len(texts), Effort(10))) == 1
    with pytest.raises(OutOfEffortError):
        elements(crowded, 0, len(crowded), Effort(len(crowded)))
    assert len(elements(crowded, 0, len(crowded))) == jsonscan.CROWDED_FROM_BYTES + 1
