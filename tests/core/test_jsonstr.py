from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from narrows.core.jsonstr import AROUND_BYTES, decode, encode_like, said_bytes

TEXTS = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from('"\\/\n\r\t\b\f\x00\x1f<>&é\u2028😀a'))
)


def literal_of(text: str, escaped: frozenset[str], *, upper: bool, ascii_only: bool) -> bytes:
    """`text` as a client would write it that escapes these characters too."""
    pieces = []
    for one in text:
        if one in escaped or one < " " or one in '"\\' or (ascii_only and not one.isascii()):
            units = one.encode("utf-16-be").hex(" ", 2).split()
            pieces += [f"\\u{unit.upper() if upper else unit}" for unit in units]
        else:
            pieces.append(one)
    return ('"' + "".join(pieces) + '"').encode()


LITERALS = st.one_of(
    st.builds(lambda text, raw: json.dumps(text, ensure_ascii=not raw).encode(), TEXTS, st.booleans()),
    st.builds(
        literal_of,
        TEXTS,
        st.frozensets(st.sampled_from("/<>&\x7fa9-^]\u2028é")),
        upper=st.booleans(),
        ascii_only=st.booleans(),
    ),
)


def said(value: object) -> int:
    """The rule again, over parsed values."""
    if isinstance(value, str):
        halves = len("".join(one for one in value if "\ud800" <= one < "\ue000"))
        return len(value.encode(errors="surrogatepass")) - halves + AROUND_BYTES
    if isinstance(value, list):
        return sum(map(said, value))
    return sum(said(key) + said(one) for key, one in value.items()) if isinstance(value, dict) else 0


VALUES = st.recursive(
    st.one_of(TEXTS, st.integers(), st.floats(allow_nan=False), st.none(), st.just("\ud800x")),
    lambda inside: st.one_of(st.lists(inside, max_size=4), st.dictionaries(TEXTS, inside, max_size=4)),
    max_leaves=20,
)


@given(VALUES, st.sampled_from((None, 2)), st.integers(1, 200))
def test_what_is_said_is_counted_the_same_however_it_is_written(value: object, indent: int | None, few: int) -> None:
    body = json.dumps(value, indent=indent).encode()
    assert said_bytes(body, 0, len(body), 10_000) == said(value)
    counted = said_bytes(body, 0, len(body), few)
    assert counted == said(value) if counted < few else said(value) >= few


@given(LITERALS, st.integers(1, 100))
def test_a_long_literal_is_read_as_far_as_needed(literal: bytes, enough: int) -> None:
    counted = said_bytes(literal * 20, 0, len(literal) * 20, enough)
    assert (counted >= enough) == (said(json.loads(literal)) * 20 >= enough)


@given(LITERALS)
@example(b'"\\ud83d\\ude00 \\/ \\\\u0041"')
def test_decode_reads_what_the_standard_library_reads(literal: bytes) -> None:
    assert decode(literal) == json.loads(literal)


@given(LITERALS, TEXTS)
@example(b'"\\/"', "a/b")
@example(b'"\\u005d\\u005e\\u002d"', "a]^-b")
@example(b'"\\ud800"', "\ue000")
def test_whatever_the_habits_the_text_comes_back(literal: bytes, text: str) -> None:
    encoded = encode_like(literal, text)
    assert decode(encoded) == text == json.loads(encoded)
    assert encoded == encode_like(literal, text)


@given(TEXTS, st.booleans())
def test_python_writes_its_own_literals_again(text: str, raw: bool) -> None:
    literal = json.dumps(text, ensure_ascii=not raw).encode()
    assert encode_like(literal, text) == literal


@pytest.mark.parametrize(
    ("literal", "text", "expected"),
    [
        (rb'"plain"', "a\tb/\u00e9", '"a\\tb/é"'),
        (rb'"\u00e9"', "\u00e9\U0001f600", '"\\u00e9\\ud83d\\ude00"'),
        (rb'"\u00E9"', "\u00ea", '"\\u00EA"'),
        ('"é"'.encode(), "\u00ea", '"ê"'),
        ('"\\u00e9 é"'.encode(), "\u00ea", '"ê"'),
        (rb'"\/"', "a/b", '"a\\/b"'),
        (rb'"\u003c\u0026"', "<a>&", '"\\u003ca>\\u0026"'),
        (rb'"\u000a"', "a\nb\tc", '"a\\u000ab\\tc"'),
        (rb'"\u001F"', "\x1e", '"\\u001E"'),
        (rb'"\u2028"', "\u2028\u00e9", '"\\u2028é"'),
        (rb'"\u0061"', "aa", '"aa"'),
        (rb'"\\n"', "a\nb", '"a\\nb"'),
        (rb'""', "\x00\x7f", '"\\u0000\x7f"'),
    ],
    ids=[
        "nothing to follow",
        "ascii only",
        "upper case hex",
        "raw",
        "mixed",
        "solidus",
        "go",
        "long newline",
        "upper case control",
        "line separator",
        "letters are never escaped",
        "a backslash is no newline",
        "controls",
    ],
)  # fmt: skip - one case a line
def test_the_client_s_style_is_kept(literal: bytes, text: str, expected: str) -> None:
    assert encode_like(literal, text).decode() == expected


@pytest.mark.parametrize(
    "literal",
    [
        b"",
        b'"',
        b"x",
        b'"a',
        b'a"',
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\xff"',
        b'"\\x"',
        b'"\n"',
        b' "a"',
        b'"a" ',
        b'"a""b"',
        b"12",
        b"null",
    ],
)  # fmt: skip - one line of cases
def test_what_is_no_readable_literal_is_an_error(literal: bytes) -> None:
    with pytest.raises(ValueError, match="JSON string literal"):
        decode(literal)


@pytest.mark.parametrize("literal", [b'"x"', b'"\\u00e9"'])
def test_a_lone_surrogate_cannot_be_written(literal: bytes) -> None:
    with pytest.raises(ValueError, match="surrogate"):
        encode_like(literal, "\ud800")
