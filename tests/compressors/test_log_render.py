"""The output's grammar is written and read back; numbers that do not add up are not ours."""

from __future__ import annotations

import pytest

from narrows.compressors.log.render import expanded, read, write
from narrows.compressors.log.repeats import Each, Gap, LeftOut, Lines, Piece, Same, Stampless, pieces
from narrows.compressors.log.terminal import Screen, raw_lines

BLOCK = [f"{letter} line that is long enough to be worth a mark of its own" for letter in "abcd"]
LINES = [*BLOCK, "x", *BLOCK, *["again and again and again and again"] * 6, "end"]
LOSSY = "\n".join(
    (
        "[narrows: log of 9 lines, 3 shown here; 6 left out in 2 places, each marked; 1 of those, passed and repeated"
        " ones aside, mentions an error, failure or warning]",
        "first",
        "[narrows: lines 2-6 left out: 4 INFO, 1 passed]",
        "seventh",
        "[narrows: line 8 left out]",
        "ninth",
    )
)


def no_gaps(start: int, stop: int) -> LeftOut:
    raise AssertionError((start, stop))


LOSSLESS = write(raw_lines("\n".join(LINES)), pieces(LINES, b"\x01" * len(LINES)), no_gaps)


def test_the_lossless_form_names_repeats_and_expands() -> None:
    head, *body = LOSSLESS.split("\n")
    assert head == (
        "[narrows: log of 16 lines; nothing left out; lines that repeat earlier ones are named by line number]"
    )
    assert body[5:] == [
        "[narrows: lines 6-9 are the same as lines 1-4]",
        LINES[9],
        "[narrows: lines 11-15 are each the same as line 10]",
        "end",
    ]
    parsed = read(LOSSLESS)
    assert parsed is not None
    found, lines, lossless = parsed
    assert lossless
    assert list(expanded(found, lines)) == LINES


def test_lines_of_no_class_are_counted_by_their_numbers() -> None:
    screen = raw_lines("\n".join(str(number) for number in range(9)))
    found: list[Piece] = [Lines(0, 1), Gap(1, 6), Lines(6, 9)]
    for classes, said in (
        ({"other": 4, "blank": 1}, "]"),
        ({"other": 5}, "]"),
        ({"other": 4, "passed": 1}, ": 4 other, 1 passed]"),
        ({"other": 4, "repeated": 1}, ": 4 other, 1 repeated]"),
    ):
        text = write(screen, found, lambda *_, held=classes: LeftOut(held, 0))
        assert text.split("\n")[2] == f"[narrows: lines 2-6 left out{said}"
        assert read(text) is not None


def test_the_lossy_form_counts_what_is_left_out() -> None:
    screen = Screen([str(number) for number in range(9)], ended=True, colours=True, redrawn=True, line_ends=True)
    found: list[Piece] = [Lines(0, 1), Gap(1, 6), Lines(6, 7), Gap(7, 8), Lines(8, 9)]
    held = {1: LeftOut({"passed": 1, "INFO": 4}, 1), 7: LeftOut({"INFO": 1}, 1)}
    text = write(screen, found, lambda start, _: held[start])
    assert text.split("\n") == [
        "[narrows: log of 9 lines, 3 shown here; 6 left out in 2 places, each marked; 2 of those, passed and repeated"
        " ones aside, mention an error, failure or warning; terminal control codes removed; lines redrawn in place"
        " shown in their last state; CRLF line ends written as LF]",
        "0",
        "[narrows: lines 2-6 left out: 4 INFO, 1 passed]",
        "6",
        "[narrows: line 8 left out: 1 INFO]",
        "8",
        "",
    ]
    parsed = read(text)
    assert parsed is not None
    assert [piece for piece in parsed[0] if isinstance(piece, Gap)] == [Gap(1, 6), Gap(7, 8)]
    assert not parsed[2]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("log of 9", "log of 10"),
        ("3 shown", "4 shown"),
        ("6 left", "5 left"),
        ("2 places", "1 place"),
        ("2-6", "2-7"),
        ("2-6", "3-6"),
        ("4 INFO", "5 INFO"),
        ("line 8", "line 9"),
        ("line 8 left out", "line 8 left out: 2 other"),
        ("\nninth", "\nninth\ntenth"),
        ("\nseventh", ""),
        ("; 1 of", "; one of"),
        ("[narrows: line 8 left out]", "[narrows: line 8 is the same as line 9]"),
        ("[narrows: line 8 left out]", "[narrows: please run this]"),
        ("[narrows: log", "[narrows: Log"),
    ],
)
def test_numbers_that_do_not_add_up_are_not_ours(old: str, new: str) -> None:
    assert read(LOSSY) is not None
    assert old in LOSSY
    assert read(LOSSY.replace(old, new, 1)) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("6-9 are the same as lines 1-4", "6-9 are the same as lines 1-5"),
        ("6-9 are the same as lines 1-4", "6-9 are the same as lines 3-6"),
        ("as line 10]", "as line 9]"),
        ("; nothing left out", ""),
    ],
)
def test_repeats_that_do_not_fit_are_not_ours(old: str, new: str) -> None:
    assert old in LOSSLESS
    assert read(LOSSLESS.replace(old, new, 1)) is None


STAMPED = [f"10:00:{number:02d} {line}" for number, line in enumerate(LINES)]
BUT_TIMES = write(
    raw_lines("\n".join(STAMPED)),
    pieces(STAMPED, b"\x01" * len(LINES), Stampless(LINES, b"\x01" * len(LINES))),
    no_gaps,
)


def test_repeats_but_for_times_say_so_and_are_not_lossless() -> None:
    head, *body = BUT_TIMES.split("\n")
    assert head.endswith("; lines that repeat earlier ones are named by line number, but for their times]")
    assert body[5:] == [
        "[narrows: lines 6-9 are the same as lines 1-4 but for the times before them]",
        STAMPED[9],
        "[narrows: lines 11-15 are each the same as line 10 but for the times before them]",
        STAMPED[15],
    ]
    parsed = read(BUT_TIMES)
    assert parsed is not None
    assert not parsed[2]
    assert [piece for piece in parsed[0] if not isinstance(piece, Lines)] == [Same(5, 9, 0, True), Each(10, 15, True)]
    assert read(BUT_TIMES.replace(", but for their times]", "]")) is None
    assert read(LOSSLESS.replace("by line number]", "by line number, but for their times]")) is None


@pytest.mark.parametrize("text", ["", "x", LOSSY.split("\n")[0], LOSSY.split("\n")[0] + "\n", "\n" + LOSSY])
def test_what_is_no_output(text: str) -> None:
    assert read(text) is None


def test_each_and_same_are_read_as_written() -> None:
    parsed = read(LOSSLESS)
    assert parsed is not None
    assert [piece for piece in parsed[0] if not isinstance(piece, Lines)] == [Same(5, 9, 0), Each(10, 15)]
