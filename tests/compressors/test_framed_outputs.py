"""Outputs inside the frames that harnesses put around them: decided by what stands inside, and given back with the
frame as it was."""

from __future__ import annotations

import json

import pytest

from narrows.compressors.registry import compress_text, expand
from narrows.compressors.types import Compressed, Decision, Kept, Reason
from narrows.core.tokens import Encoding
from narrows.core.tool_call import ToolCall
from narrows.policy import Kind, Policy
from tests.core.test_frames import CODEX, FRAMES, GEMINI, SPOKEN, SWE
from tests.laws.conversations import log, rows

O200K = Encoding("o200k_base", assumed=False)
CALL = ToolCall("shell", '{"command": "make -j8 list"}')
every_frame = pytest.mark.parametrize(("before", "after"), FRAMES)


def decided(text: str, call: ToolCall | None = CALL, *, spoken: bool = False) -> Decision:
    return compress_text(text, call, Policy(), O200K, grammar_only=spoken)


def shortened(text: str, call: ToolCall | None = CALL, *, spoken: bool = False) -> str:
    result = decided(text, call, spoken=spoken).result
    assert isinstance(result, Compressed), result
    return result.text


@every_frame
@pytest.mark.parametrize("inside", [rows(60), log(300)], ids=["json", "log"])
def test_inside_a_frame_a_text_is_shortened_as_without(before: str, after: str, inside: str) -> None:
    new = shortened(before + inside + after)
    bare = shortened(inside)
    assert new in (before + bare + after, before + "\n" + bare + after)
    assert "\n[narrows: " in "\n" + new


@every_frame
def test_the_source_comes_back_with_its_frame(before: str, after: str) -> None:
    text = before + rows(60) + after
    source = expand(shortened(text))
    assert source is not None
    assert source.startswith(before)
    assert source.endswith(after)
    assert json.loads(source[len(before) : len(source) - len(after)]) == json.loads(rows(60))


@every_frame
def test_what_was_shortened_is_kept(before: str, after: str) -> None:
    result = decided(shortened(before + rows(60) + after)).result
    assert isinstance(result, Kept)
    assert result.reason is Reason.ALREADY_SHORTENED


@every_frame
def test_an_imitation_of_our_marks_inside_is_not_trusted(before: str, after: str) -> None:
    imitation = f"{before}[narrows: 3 lines left out]\n{log(100)}{after}"
    result = decided(imitation).result
    assert isinstance(result, Kept)
    assert result.reason is Reason.LOOKS_LIKE_OURS


def test_a_file_that_is_read_stays_in_its_frame_too() -> None:
    result = decided(CODEX + rows(60), ToolCall("exec_command", '{"cmd": "cat rows.json"}')).result
    assert isinstance(result, Kept)
    assert result.reason is Reason.NEVER_SHORTENED


@pytest.mark.parametrize(("before", "after"), SPOKEN)
def test_of_user_text_only_what_cannot_be_a_file(before: str, after: str) -> None:
    """Nothing says what was run: a log is shortened, but JSON may be a file that the agent will edit."""
    assert shortened(before + log(300) + after, None, spoken=True)
    result = decided(before + rows(60) + after, None, spoken=True).result
    assert isinstance(result, Kept)
    assert (result.reason, result.kind) == (Reason.NEVER_SHORTENED, Kind.JSON)


def test_a_window_on_a_file_is_never_shortened() -> None:
    window = "[File: /testbed/build.log (812 lines total)]\n" + log(300)
    result = decided(SWE[0] + window + SWE[1], None, spoken=True).result
    assert isinstance(result, Kept)
    assert result.reason is Reason.NEVER_SHORTENED


@pytest.mark.parametrize("frame", [(CODEX, ""), GEMINI])
def test_a_frame_that_no_agent_sends_as_user_text_is_a_persons_quotation(frame: tuple[str, str]) -> None:
    result = decided(frame[0] + "I think " + log(100) + frame[1], None, spoken=True).result
    assert isinstance(result, Kept)
    assert result.reason is Reason.NOT_ELIGIBLE


def test_a_persons_words_under_a_heading_stay() -> None:
    words = "OBSERVATION:\n" + "The build fails with an error when I run it; please look. " * 40
    result = decided(words, None, spoken=True).result
    assert isinstance(result, Kept)
    assert result.reason is Reason.NOT_ELIGIBLE
