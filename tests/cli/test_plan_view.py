from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from narrows.cli.plan_view import print_plan, visible
from narrows.plan import plan_body
from narrows.policy import Policy
from narrows.wire.registry import wire_named
from tests.cli.samples import ROWS, chat_body


def drawn(body: bytes, *, colours: bool = False, lines: int = 3) -> str:
    console = Console(
        file=io.StringIO(), force_terminal=colours, color_system="standard" if colours else None,
        highlight=False, soft_wrap=True, markup=False,
    )  # fmt: skip
    plan = plan_body(body, wire_named("openai_chat"), Policy())
    print_plan(console, body, plan, Policy(), lines=lines)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_terminal_gets_colours_of_a_diff() -> None:
    text = drawn(chat_body(ROWS), colours=True)
    assert "\x1b[31m- " in text
    assert "\x1b[32m+ [narrows: " in text


@given(st.text())
def test_nothing_a_terminal_obeys_is_shown(text: str) -> None:
    shown = visible(text)
    assert not any(ord(character) < 32 and character not in "\t\n" for character in shown)
    assert not {"\x7f", "\x9b", "\u202e", "\u2066", "\u200b"} & set(shown)


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_text_is_shown_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_a_stranger_cannot_steer_the_terminal() -> None:
    rows = json.dumps(
        [{"id": n, "text": "\x1b[2J\u202e", "more": "same everywhere"} for n in range(300)], ensure_ascii=False
    )
    body = chat_body(rows)
    text = drawn(body)
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_one_line_more_is_one_line() -> None:
    every = drawn(chat_body(ROWS), lines=10_000).count("\n+ ")
    assert "\n+ ... 1 line more\n" in drawn(chat_body(ROWS), lines=every - 1)
    assert "\n+ ... 2 lines more\n" in drawn(chat_body(ROWS), lines=every - 2)


def test_a_long_line_is_cut_and_says_how_long_it_is() -> None:
    assert f"... ({len(ROWS):,} characters)" in drawn(chat_body(ROWS))


@pytest.mark.parametrize("lines", [0, 1, 5])
def test_a_long_text_says_how_much_is_not_shown(lines: int) -> None:
    text = drawn(chat_body(ROWS), lines=lines)
    assert text.count("\n+ ") <= lines + 1
    assert ("lines more" in text) is (lines > 0)
