"""The laws of a stream's pieces: nothing twice, nothing lost, and together the answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from narrows.agents.deltas import Sent, advance, answer_text
from narrows.agents.observation import StepText

TEXTS = st.lists(st.text(st.sampled_from("abc \n\u00e9\ufffd\u200d\ud83d\U0001f600"), max_size=12), max_size=4)


def grown(finals: list[str], cuts: list[int]) -> list[tuple[StepText, ...]]:
    """Snapshots of steps that grow, one after the other, each looked at in the middle and at its end."""
    seen: list[tuple[StepText, ...]] = []
    done: tuple[StepText, ...] = ()
    for at, text in enumerate(finals):
        cut = cuts[at % len(cuts)] % (len(text) + 1) if cuts else 0
        seen.append((*done, StepText(at, text[:cut], False)))
        done = (*done, StepText(at, text, True))
        seen.append(done)
    return seen


def streamed(snapshots: list[tuple[StepText, ...]]) -> tuple[str, Sent]:
    sent, pieces = Sent(), ""
    for at, snapshot in enumerate(snapshots):
        sent, piece = advance(sent, snapshot, ended=at == len(snapshots) - 1)
        pieces += piece
    return pieces, sent


@given(TEXTS, st.lists(st.integers(0, 20), min_size=1, max_size=4))
def test_the_pieces_of_a_stream_are_together_the_answer(finals: list[str], cuts: list[int]) -> None:
    snapshots = grown(finals, cuts) or [()]
    pieces, sent = streamed(snapshots)
    assert pieces == answer_text(snapshots[-1])
    assert not sent.revised


@given(TEXTS, st.lists(st.integers(0, 20), min_size=1, max_size=4))
def test_a_look_that_shows_nothing_new_sends_nothing(finals: list[str], cuts: list[int]) -> None:
    snapshots = grown(finals, cuts)
    repeated = [one for one in snapshots for _ in range(2)] or [()]
    assert streamed(repeated)[0] == streamed(snapshots or [()])[0]


def step(text: str, over: bool = False, index: int = 1) -> tuple[StepText, ...]:
    return (StepText(index, text, over),)


def pieces_of(*snapshots: tuple[StepText, ...]) -> tuple[list[str], bool]:
    sent, pieces = Sent(), []
    for snapshot in snapshots:
        sent, piece = advance(sent, snapshot, ended=False)
        pieces.append(piece)
    return pieces, sent.revised


def test_a_text_that_shrinks_and_grows_again_is_not_sent_twice() -> None:
    assert pieces_of(step("Hello"), step("Hel"), step("Hello, you", True)) == (["Hello", "", ", you"], False)


def test_a_revised_text_gives_what_follows_the_common_part_once_and_at_the_end() -> None:
    looks = (step("The build"), step("The test"), step("The test failed"), step("The test failed.", True))
    assert pieces_of(*looks) == (["The build", "", "", "test failed."], True)


def test_a_text_that_comes_back_to_what_was_sent_was_not_revised() -> None:
    assert pieces_of(step("one"), step("two"), step("one two", True)) == (["one", "", " two"], False)


def test_a_step_waits_for_the_one_before_it() -> None:
    both = (StepText(1, "first", False), StepText(4, "second", True))
    ended = (StepText(1, "first.", True), StepText(4, "second", True))
    assert pieces_of(both, ended) == (["first", ".\n\nsecond"], False)


def test_a_step_that_says_nothing_leaves_no_blank_line() -> None:
    looks = (StepText(1, "a", True), StepText(2, "", True), StepText(3, "b", True))
    assert pieces_of(looks) == (["a\n\nb"], False)
    assert answer_text(looks) == "a\n\nb"


def test_half_a_character_is_held_back_until_it_is_whole() -> None:
    assert pieces_of(step("a\ud83d"), step("a\U0001f600")) == (["a", "\U0001f600"], False)
    assert pieces_of(step("caf\ufffd"), step("caf\u00e9")) == (["caf", "\u00e9"], False)


def test_what_is_sent_is_sent_even_where_a_later_look_has_lost_the_step() -> None:
    assert pieces_of(step("Hello"), (), step("Hello!", True)) == (["Hello", "", "!"], False)
