"""Where a prompt has to keep a size, fewer lines are named: as true, and no shorter than asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from narrows.compressors import repeats
from narrows.compressors.repeats import Before, Earlier, Shelf
from narrows.compressors.repeats.fewer import fewer
from narrows.compressors.types import Kept, Reason
from narrows.core.tool_call import OutputPlace
from tests.compressors.repeats_truth import check_truth, conversations, file

KEPT = Kept(Reason.UNKNOWN_KIND)
FILE = file(5, 60)


def folded(text: str, least_bytes: int, *earlier: str) -> str | None:
    place = OutputPlace(len(earlier) + 1)
    outputs = [Earlier(one, OutputPlace(number)) for number, one in enumerate(earlier, 1)]
    found = repeats.fold(text, KEPT, Before(Shelf(outputs), place, least_bytes))
    if found is None:
        return None
    check_truth(text, found.text, {(one.place.number, 1): one.text for one in outputs}, place.number)
    assert repeats.is_output(found.text)
    assert repeats.expand(found.text, outputs) == text
    return found.text


@given(conversations(), st.floats(0, 1))
def test_what_stays_is_true_and_no_shorter_where_it_can_be(texts: list[str], share: float) -> None:
    *earlier, text = texts
    earlier = [one for one in earlier if "[narrows:" not in one]
    size = len(text.encode())
    every, some = folded(text, 0, *earlier), folded(text, int(share * size), *earlier)
    assert (every is None) == (some is None)
    shelf = Shelf(Earlier(one, OutputPlace(number)) for number, one in enumerate(earlier, 1))
    if some is not None and fewer(text, shelf.runs(text), int(share * size)):
        assert len(some.encode()) >= int(share * size)


def test_lines_come_back_from_the_end() -> None:
    text = "\n".join(["new", *FILE, "also new"])
    whole = folded(text, 0, "\n".join(FILE))
    half = folded(text, len(text) // 2, "\n".join(FILE))
    assert whole is not None
    assert half is not None
    assert len(whole) < len(text) // 2 <= len(half) < len(text) * 2 // 3
    assert half.endswith("\n".join([*FILE[-25:], "also new"]))
    assert half.count("[narrows:") == 2


def test_of_the_last_lines_the_first_come_back_and_of_the_first_the_last() -> None:
    shown = "\n".join(["one", *FILE])
    last = folded("\n".join(["other", *FILE]), 1_000, shown)
    first = folded("\n".join([*FILE, "other"]), 1_000, "\n".join([*FILE, "one"]))
    assert last is not None
    assert first is not None
    assert "[narrows: last " in last.split("\n")[-1]
    assert "[narrows: first " in first.split("\n")[1]
    assert first.endswith(f"{FILE[-1]}\nother")


def test_the_same_text_again_is_named_in_part() -> None:
    text = "\n".join(FILE)
    assert folded(text, 0, text) == folded(text, 60, text)
    part = folded(text, 1_000, text)
    assert part is not None
    assert len(part) > 1_000
    nothing = folded(text, len(text) + 1, text)
    assert nothing is not None
    assert len(nothing) < 200, "nothing can be named, and who asked finds it too short"


def test_a_run_of_which_too_little_is_left_stands_whole() -> None:
    runs = Shelf([Earlier("\n".join(FILE), OutputPlace(1))]).runs("\n".join(["new", *FILE]))
    text = "\n".join(["new", *FILE])
    assert fewer(text, runs, 0) == runs
    assert fewer(text, runs, len(text)) == []
    assert fewer(text, runs, len(text) - 60) == []
