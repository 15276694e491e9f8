"""Repeats by example: what is found, how it is said, and where it ends. The laws stand in tests/laws."""

from __future__ import annotations

from dataclasses import replace

import pytest

from narrows.compressors import repeats
from narrows.compressors.registry import COMPRESSORS, Registry, compress_text
from narrows.compressors.repeats import Before, Earlier, Shelf, Shown, grammar
from narrows.compressors.repeats.gutter import first_lines, named_numbers, number_of, renumbered, without_numbers
from narrows.compressors.repeats.shelf import LEAST_CHARACTERS, LEAST_LINES, WINDOW_BYTES, WINDOW_LINES, WINDOW_OUTPUTS
from narrows.compressors.types import Compressed, Decision, Kept, Reason
from narrows.core.tokens import Encoding
from narrows.core.tool_call import OutputPlace
from narrows.policy import Kind, Level, Policy
from tests.compressors.repeats_truth import check_truth, file

O200K = Encoding("o200k_base", assumed=False)
KEPT = Kept(Reason.UNKNOWN_KIND)
FILE = file(5, 60)


def numbered(lines: list[str], first: int = 1, gutter: str = "{}:") -> str:
    return "\n".join(gutter.format(first + index) + line for index, line in enumerate(lines))


def shelf_of(*texts: str) -> Shelf:
    return Shelf(Earlier(text, OutputPlace(number)) for number, text in enumerate(texts, 1))


def folded(text: str, *earlier: str) -> str | None:
    """What becomes of a text after these, checked."""
    place = OutputPlace(len(earlier) + 1)
    found = repeats.fold(text, KEPT, Before(shelf_of(*earlier), place))
    if found is None:
        return None
    assert found.lossless
    outputs = {(number, 1): one for number, one in enumerate(earlier, 1)}
    check_truth(text, found.text, outputs, place.number)
    assert repeats.is_output(found.text)
    assert repeats.expand(found.text, [Earlier(one, OutputPlace(*key)) for key, one in outputs.items()]) == text
    return found.text


def marks_of(text: str | None) -> list[str]:
    assert text is not None
    return [line for line in text.split("\n") if line.startswith("[narrows:")]


def test_the_same_text_again_is_one_line() -> None:
    text = "\n".join(FILE) + "\n"
    assert folded(text, text) == "[narrows: 60 lines, all as in tool output 1 (1 before this); nothing left out]"
    assert folded("x" * 600, "y", "x" * 600, "z") == (
        "[narrows: 1 line, all as in tool output 2 (2 before this); nothing left out]"
    )


def test_lines_that_stand_in_a_row_become_a_mark_between_their_first_and_last() -> None:
    """Where neither a number nor the end of both texts says which they are."""
    text = "\n".join(["new", *FILE[1:30], "other"])
    assert folded(text, "\n".join(FILE)) == "\n".join(
        [
            "[narrows: tool output 2, lossless; 27 of 31 lines as in earlier ones]",
            "new",
            FILE[1],
            "[narrows: as lines 3-29 of tool output 1]",
            FILE[29],
            "other",
        ]
    )


def test_numbered_lines_are_named_by_their_numbers() -> None:
    assert marks_of(folded(numbered(FILE[:40], 101) + "\nend", numbered(FILE, 101)))[1:] == [
        "[narrows: 101-140 as in tool output 1]"
    ]


def test_the_last_lines_of_both_are_named_as_such() -> None:
    """A harness's prompt below each output, with nothing of it shown."""
    prompt = ["", "(Open file: /srv/shop/src/shop/cart.py)", "(Current directory: /srv/shop/src/shop)", "bash-$ "]
    earlier, text = "\n".join([*FILE, *prompt]), "\n".join(["new", *FILE[1:30], "other", *prompt])
    for end in ("", "\n"):
        shown = folded(text + end, earlier)
        assert marks_of(shown)[1:] == [
            "[narrows: as lines 3-29 of tool output 1]",
            "[narrows: last 3 lines as in tool output 1]",
        ]
        assert shown is not None
        assert shown.endswith("\n\n[narrows: last 3 lines as in tool output 1]" + end)
    assert marks_of(folded(text, earlier + "\nmore"))[1:] == ["[narrows: as lines 3-29 of tool output 1]"]
    assert folded("\n".join(["new", "", "(Open file: n/a)", "(Current directory: /)", "bash-$ "]), earlier) is None


def test_the_first_lines_of_both_are_named_as_such() -> None:
    """As curl's progress meter before each answer."""
    meter = [
        "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current",
        "                                 Dload  Upload   Total   Spent    Left  Speed",
        "",
        "  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0",
    ]
    earlier, text = "\n".join([*meter, "100   606", *FILE]), "\n".join([*meter, "100   714", "other"])
    assert folded(text, earlier) == "\n".join(
        [
            "[narrows: tool output 2, lossless; 4 of 6 lines as in earlier ones]",
            "[narrows: first 4 lines as in tool output 1]",
            "100   714",
            "other",
        ]
    )
    assert folded("new\n" + text, earlier) is None, "somewhere else a run keeps its borders, and so few lines stay"
    assert folded(text, "new\n" + earlier) is None
    whole = "\n".join(meter)
    for end in ("", "\n"):
        assert marks_of(folded(whole + end, earlier))[1:] == ["[narrows: first 4 lines as in tool output 1]"]
        assert marks_of(folded("\n".join(FILE[40:]) + end, earlier))[1:] == [
            "[narrows: last 20 lines as in tool output 1]"
        ]


def test_last_lines_that_are_numbered_are_named_by_their_numbers() -> None:
    assert marks_of(folded("new\n" + numbered(FILE[30:], 31), numbered(FILE)))[1:] == [
        "[narrows: 31-60 as in tool output 1]"
    ]
    twice = numbered(FILE[:20]) + "\n" + numbered(FILE[20:50])
    assert marks_of(folded("0\n" + numbered(FILE[20:50], 5), twice))[1:] == [
        "[narrows: 6-33 as 2-29, lines 22-49 of tool output 1]"
    ]


@pytest.mark.parametrize("gutter", ["{}:", "{:6d}\t", "{:4d}|", "{:5d}\u2192", "{} ", "{:3d}\u2502"])
def test_after_an_edit_the_same_lines_have_other_numbers(gutter: str) -> None:
    """Also where the numbers get another digit."""
    before, after = numbered(FILE, 90, gutter), numbered([*FILE[:5], "new", "new too", *FILE[5:]], 90, gutter)
    assert marks_of(folded(after, before))[1:] == [
        "[narrows: 90-94 as in tool output 1]",
        "[narrows: 97-151 as 95-149 in tool output 1]",
    ]


def test_a_number_that_stands_twice_names_no_place() -> None:
    twice = numbered(FILE[:20]) + "\n" + numbered(FILE[20:50])
    assert marks_of(folded(numbered(FILE[20:50]) + "\nend", twice))[1:] == [
        "[narrows: 2-29 as lines 22-49 of tool output 1]"
    ]
    assert marks_of(folded("0\n" + numbered(FILE[20:50], 5) + "\nend", twice))[1:] == [
        "[narrows: 6-33 as 2-29, lines 22-49 of tool output 1]"
    ]


def test_numbers_that_do_not_run_on_are_no_numbers_of_lines() -> None:
    counts = [f"{number * 3} things of sort {number} were found here" for number in range(5, 40)]
    other = [f"{number * 3 + 1} things of sort {number} were found here" for number in range(5, 40)]
    assert folded("\n".join(other), "\n".join(counts)) is None
    assert marks_of(folded("\n".join(["new", *counts, "end"]), "\n".join(counts)))[1:] == [
        "[narrows: as lines 2-34 of tool output 1]"
    ]


def test_lines_differ_by_every_character() -> None:
    for other in ([line + " " for line in FILE], [line + "\r" for line in FILE], ["\u00a0" + line for line in FILE]):
        assert folded("\n".join(other), "\n".join(FILE)) is None


def test_a_text_is_the_second_of_its_output() -> None:
    shelf = Shelf([Earlier("\n".join(FILE), OutputPlace(3, 2))])
    for text, place in (("\n".join(FILE), OutputPlace(3, 4)), ("\n".join([*FILE, "end"]), OutputPlace(5))):
        found = repeats.fold(text, KEPT, Before(shelf, place))
        assert found is not None
        said = "all as in text 2 of tool output 3 (this one)" if place.number == 3 else "as in text 2 of tool output 3]"
        assert said in found.text
        assert ("[narrows: tool output 5, lossless" in found.text) == (place.number == 5)
        assert repeats.expand(found.text, [Earlier("\n".join(FILE), OutputPlace(3, 2))]) == text


def test_a_number_for_which_a_mark_stands_names_no_place() -> None:
    """The second output's marks stand for lines 1 to 20 of one file; who looks there for line 5 of another would be led
    to the first output."""
    one, other = numbered(FILE[:20]), numbered(FILE[20:50])
    shown = folded(f"{one}\n{other}", one)
    assert marks_of(shown)[1:] == ["[narrows: 1-20 as in tool output 1]"]
    for numbers, named in ((1, "2-29 as lines 4-31 of"), (5, "6-33 as 2-29, lines 4-31 of")):
        text = "0\n" + numbered(FILE[20:50], numbers) + "\nend"
        shelf = Shelf([Earlier(one, OutputPlace(1)), Earlier(shown or "", OutputPlace(2), Shown.UNMARKED)])
        third = repeats.fold(text, KEPT, Before(shelf, OutputPlace(3)))
        assert third is not None
        assert marks_of(third.text)[1:] == [f"[narrows: {named} tool output 2]"]
        check_truth(text, third.text, {(1, 1): one, (2, 1): shown or ""}, 3)


def test_the_numbers_for_which_marks_stand() -> None:
    marks = "\n".join(
        f"[narrows: {one} as in tool output 1]" for one in ("30-40", "1-9", "9-12", "41-50 as 1-10,", "2-3")
    )
    assert named_numbers(f"[narrows: 5 lines]\n{marks}\n7: x\n [narrows: 90-99 as in tool output 1]") == [
        (1, 12),
        (30, 40),
        (41, 50),
    ]


def test_what_was_folded_is_named_where_it_is_seen() -> None:
    """The third output names the first for what the second does not show, and the second for what is new in it."""
    first, second = numbered(FILE[:30]), numbered(FILE[10:], 11)
    shown = folded(second, first)
    assert shown is not None
    shelf = Shelf([Earlier(first, OutputPlace(1)), Earlier(shown, OutputPlace(2), Shown.UNMARKED)])
    third = repeats.fold(numbered(FILE) + "\nend", KEPT, Before(shelf, OutputPlace(3)))
    assert third is not None
    assert [mark.rpartition("tool output ")[2] for mark in marks_of(third.text)[1:]] == ["1]", "2]"]
    check_truth(numbered(FILE) + "\nend", third.text, {(1, 1): first, (2, 1): shown}, 3)


def test_a_shortened_text_is_named_as_a_whole_only() -> None:
    short = "[narrows: log of 9 lines]\n" + "\n".join(FILE)
    log = Compressed(Kind.LOG, short, lossless=False, summary="")
    shelf = Shelf([Earlier(short, OutputPlace(1), Shown.WHOLE)])
    again = repeats.fold("whatever it was", log, Before(shelf, OutputPlace(2)))
    assert again == Compressed(
        Kind.REPEAT,
        "[narrows: shortened, the same text as tool output 1 (1 before this)]",
        lossless=False,
        summary="the same as tool output 1",
    )
    assert repeats.fold("\n".join(FILE), KEPT, Before(shelf, OutputPlace(2))) is None


@pytest.mark.parametrize("reason", [Reason.LOOKS_LIKE_OURS, Reason.ALREADY_SHORTENED, Reason.COMPRESSOR_ERROR])
def test_what_is_kept_for_what_it_looks_like_takes_no_part(reason: Reason) -> None:
    assert repeats.shown_by(Kept(reason)) is Shown.NOTHING
    text = "\n".join(FILE)
    assert repeats.fold(text, Kept(reason), Before(shelf_of(text), OutputPlace(2))) is None
    assert Shelf([Earlier(text, OutputPlace(1), Shown.NOTHING)]).same(text) is None


def test_short_runs_stay() -> None:
    few = FILE[: LEAST_LINES + 1]
    assert folded("\n".join(["a", *few, "b"]), "\n".join(["c", *few, "d"])) is None
    blank = [""] * 40
    assert folded("\n".join(["a", *blank, "b"]), "\n".join(["c", *blank, "d"])) is None


def test_a_run_is_named_from_the_least_that_it_must_hide_on() -> None:
    few = [f"{index}{'x' * (LEAST_CHARACTERS // LEAST_LINES - 1)}" for index in range(LEAST_LINES)]
    few[-1] += "x" * (LEAST_CHARACTERS % LEAST_LINES)
    assert folded("\n".join(["a", "(", *few, ")", "b"]), "\n".join(["c", "(", *few, ")", "d"])) is not None
    few[-1] = few[-1][:-1]
    assert folded("\n".join(["a", "(", *few, ")", "b"]), "\n".join(["c", "(", *few, ")", "d"])) is None


def test_of_equal_runs_one_with_the_same_numbers_is_named() -> None:
    earlier = (numbered(FILE[:30], 101), numbered(FILE[:30], 201))
    assert marks_of(folded(numbered(FILE[:30], 101) + "\nend", *earlier))[1].endswith("as in tool output 1]")
    assert marks_of(folded(numbered(FILE[:30], 201) + "\nend", *earlier))[1].endswith("as in tool output 2]")


def test_only_outputs_within_the_window_are_named() -> None:
    text = "\n".join(FILE)
    assert shelf_of(text, *("y" * 600,) * (WINDOW_OUTPUTS - 1)).same(text) is not None
    for others in (["y" * 600] * WINDOW_OUTPUTS, ["y" * WINDOW_BYTES], ["y\n" * (WINDOW_LINES - 10)]):
        shelf = shelf_of(text, *others)
        assert shelf.same(text) is None
        assert shelf.runs(text + "\nend") == []
    assert shelf_of("y" * WINDOW_BYTES, text).same(text) is not None


def test_a_shelf_that_was_filled_bit_by_bit_finds_the_same() -> None:
    """Whatever left the window leaves no trace."""
    texts = ["\n".join(file(seed, 60)) for seed in range(2, 9)] + ["\n" * 20_000, "\n".join(FILE), "\n" * 20_000]
    texts += ["\n".join(file(3, 50)), "\n".join([*FILE, "end"])]
    shelf = Shelf()
    for index, text in enumerate(texts):
        fresh = shelf_of(*texts[:index])
        assert shelf.runs(text) == fresh.runs(text)
        assert shelf.same(text) == fresh.same(text)
        shelf.add(Earlier(text, OutputPlace(index + 1)))


def test_the_same_line_over_and_over_ends() -> None:
    same = "the same line of a log\n" * 20_000
    for earlier in ([same[:-1] + "x"], [same[: len(same) // 2]] * 3, ["\n".join(FILE)] * 200):
        assert shelf_of(*earlier).runs(same + "end") is not None


def test_numbers_in_front_of_lines() -> None:
    assert [number_of(line) for line in ("12:x", "  12|x", "12", "012:x", "x 1:", "1234567890:x", "12 x")] == [
        12,
        12,
        None,
        None,
        None,
        None,
        12,
    ]
    assert without_numbers("1:a\n2:b\n\n  3\tc\nd 4:") == "a\nb\n\nc\nd 4:"
    assert [renumbered(line, 1) for line in ("9:x", " 9:x", "99|", "  99|", "x")] == [
        "10:x",
        "10:x",
        "100|",
        " 100|",
        None,
    ]
    assert [renumbered(line, -9) for line in ("9:x", "10:x", " 10:x")] == [None, "1:x", "  1:x"]
    assert first_lines("1:a\n5:b\n1:c") == {1: 0, 5: 1}


TAMPERED = {
    "the lines in the head": ("of 34 lines", "of 35 lines"),
    "what is hidden": ("30 of", "31 of"),
    "its own place": ("[narrows: tool output 2", "[narrows: tool output 1"),
    "a mark that names no lines": ("as lines 3-29 of", "as in"),
    "a later output": ("3-29 of tool output 1", "3-29 of tool output 3"),
    "numbers that are other lines": ("as lines 3-29", "7-9 as lines 3-29"),
    "numbers from nowhere": ("as lines 3-29", "as 7-33, lines 3-29"),
    "a range backwards": ("lines 3-29", "lines 29-3"),
    "a mark's range": ("lines 3-29", "lines 3-30"),
    "a line more": ("\nother", "\nother\nmore"),
    "another mark": ("\nother", "\n[narrows: 3 lines as in it]"),
    "last lines that are not the last": (
        "[narrows: last 3 lines as in tool output 1]",
        "[narrows: last 3 lines as in tool output 1]\nmore",
    ),
    "last lines in the middle": (
        "other\n[narrows: last 3 lines as in tool output 1]",
        "[narrows: last 3 lines as in tool output 1]\nother",
    ),
    "the count of last lines": ("last 3", "last 2"),
    "first lines in the middle": ("last 3", "first 3"),
}


@pytest.mark.parametrize("change", TAMPERED)
def test_an_output_that_does_not_add_up_is_not_ours(change: str) -> None:
    last = ["(Open file: /srv/shop/src/shop/cart.py)", "(Current directory: /srv/shop/src/shop)", "bash-$ "]
    text = folded("\n".join(["new", *FILE[1:30], "other", *last]), "\n".join([*FILE, *last]))
    assert text is not None
    old, new = TAMPERED[change]
    assert old in text
    assert grammar.read(text.replace(old, new)) is None


def test_numbers_backwards_are_no_numbers() -> None:
    text = "[narrows: tool output 2, lossless; 5 of 6 lines as in earlier ones]\n[narrows: {} in tool output 1]\nend"
    assert grammar.read(text.format("3-7 as 1-5")) is not None
    for marked in ("3-7 as 5-1", "7-3 as 1-5", "3-7 as 1-4"):
        assert grammar.read(text.format(marked)) is None


def test_a_text_expands_only_with_the_outputs_it_names() -> None:
    text = folded("\n".join(["new", *FILE[1:30], "other"]), "\n".join(FILE))
    assert text is not None
    assert repeats.expand(text, []) is None
    assert repeats.expand(text, [Earlier("too short", OutputPlace(1))]) is None
    assert repeats.expand("no output of ours", []) is None


def decide(text: str, *earlier: str, policy: Policy | None = None, encoding: Encoding = O200K) -> Decision:
    outputs = [Earlier(one, OutputPlace(number)) for number, one in enumerate(earlier, 1)]
    return compress_text(text, None, policy or Policy(), encoding, outputs)


def test_the_gate_and_the_threshold_hold_for_repeats() -> None:
    text = "\n".join(FILE)
    assert decide(text, text).result.kind is Kind.REPEAT
    assert decide(text, text, policy=Policy(level=Level.LOSSLESS)).result.kind is Kind.REPEAT
    assert decide(text, text, policy=Policy(level=Level.OFF)).result == Kept(Reason.POLICY_OFF)
    assert decide(text, text, policy=Policy(repeat_min_bytes=len(text.encode()))).result.kind is Kind.REPEAT
    assert decide(text, text, policy=Policy(repeat_min_bytes=len(text.encode()) + 1)).result == KEPT
    assert decide(text, text, policy=Policy(min_saved_tokens=10_000)).result == KEPT
    new = "\n".join(f"something that nobody said before, and it is number {index}" for index in range(400))
    little, half = f"{text[:1200]}\n{new}", Policy(min_saved_share=0.1)
    saved = decide(little, text, policy=Policy(min_saved_share=0.0))
    assert 0.05 < 1 - (saved.tokens_after or 0) / (saved.tokens_before or 1) < 0.1
    for model in (O200K, replace(O200K, assumed=True)):
        assert decide(little, text, policy=half, encoding=model).result.kind is Kind.REPEAT, "half of the share"
    assert decide(little, text, policy=Policy(min_saved_share=0.2)).result == KEPT
    assert decide("x y z\n" * 40, "x y z\n" * 40, policy=Policy(repeat_min_bytes=1)).result.kind is not Kind.REPEAT


def test_an_error_keeps_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(Shelf, "same", fails)
    text = "\n".join(FILE)
    assert decide(text, text).result == Kept(Reason.COMPRESSOR_ERROR, Kind.REPEAT, "ValueError")
    alone = Registry(COMPRESSORS).compress_text(text, None, Policy(), O200K)
    with pytest.raises(ValueError, match="a bug"):
        Registry(COMPRESSORS, strict=True).fold(text, alone, Policy(), O200K, Before(Shelf(), OutputPlace(1)))
