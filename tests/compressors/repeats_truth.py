"""The specification of truth for repeats, and conversations to hold them to it.

`check_truth(source, output, earlier, own)` reads an output on its own. It knows the grammar from docs/forms.md and
nothing of the code that writes it: every reference is looked up in the texts that were forwarded before, by number of
output, and the lines found there must be the source's, to the letter or, where the mark says so, with the line numbers
it says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hypothesis import strategies as st

from tests.compressors import screen_truth, view_truth

_OUTPUT = r"(?:text (\d+) of )?tool output (\d+)"
_HEAD = re.compile(r"\[narrows: " + _OUTPUT + r", lossless; (\d+) of (\d+) lines as in earlier ones\]")
_NAMED = re.compile(_OUTPUT + r" \((?:(\d+) before this|this one)\)")
_MARK = re.compile(
    r"\[narrows: (?:(\d+)-(\d+) )?as (?:(\d+)-(\d+)(?=,? (?:in|lines)),? )?(?:in|lines (\d+)-(\d+) of) "
    + _OUTPUT
    + r"\]"
)
_EDGE = re.compile(r"\[narrows: (first|last) (\d+) lines as in " + _OUTPUT + r"\]")
_WHOLE = re.compile(r"\[narrows: (?:(\d+) lines?, all as in|shortened, the same text as) (.*?)(; nothing left out)?\]")
_NUMBER = re.compile(r" *(\d+)(?=[:|\t \u2192\u2502])")

Outputs = Mapping[tuple[int, int], str]
"""Forwarded texts by number of output and of text."""


def names_lines(output: str) -> bool:
    """Whether an output says of itself that it names lines of earlier ones."""
    head, line_end, rest = (view_truth.numbered(output) or output).partition("\n")
    if line_end and screen_truth.is_head(head):
        return names_lines(rest)
    if line_end:
        return _HEAD.fullmatch(head) is not None
    whole = _WHOLE.fullmatch(output)
    return whole is not None and whole[1] is not None


def check_truth(source: str, output: str, earlier: Outputs, own: int, shortened: str | None = None) -> None:
    """Raises AssertionError for anything that `output` says of `source` and that is not so. `shortened`: what the
    source is as a text of its own kind, where that was shortened. Lines of views have the numbers that their head line
    says, and are counted with it. Of a text without what was only for a screen that is said which is shown."""
    below = screen_truth.shown_of(source, output)
    if below is not None:
        assert shortened is None, "what is shown is taken apart"
        source, output = below, output.partition("\n")[2]
    output = view_truth.numbered(output) or output
    if "\n" not in output:
        _check_whole(source, output, earlier, own, shortened)
        return
    assert shortened is None, "a shortened text is never taken apart"
    head, *lines = output.split("\n")
    said = _HEAD.fullmatch(head)
    assert said, head
    wanted = source.split("\n")
    position, hidden = 0, 0
    for line in lines:
        if not line.lstrip(" \t").startswith("[narrows:"):
            assert line == wanted[position]
            position += 1
            continue
        count, place = _check_mark(line, wanted, position, earlier)
        position, hidden = position + count, hidden + count
        assert place[0] <= own, "it stands before this one"
    assert position == len(wanted)
    total = len(wanted) - (wanted[-1] == "")
    assert [int(said[3]), int(said[4])] == [hidden, total]
    assert int(said[2]) == own


def _check_mark(line: str, source: list[str], position: int, earlier: Outputs) -> tuple[int, tuple[int, int]]:
    if (edge := _EDGE.fullmatch(line)) is not None:
        return _check_edge(edge, source, position, earlier)
    found = _MARK.fullmatch(line)
    assert found, line
    place = (int(found[8]), int(found[7] or 1))
    shown = _with_numbers(earlier[place]).split("\n")
    here, moved, named = (_range(found[group], found[group + 1]) for group in (1, 3, 5))
    assert here or named, "it says which lines"
    assert here or not moved, "numbers there only where there are numbers here"
    assert not moved or moved != here, "and only where they differ"
    count = len(here or named)
    assert {len(one) for one in (here, moved, named) if one} == {count}
    there = (moved or here or [0])[0]
    first = named[0] - 1 if named else next(index for index, one in enumerate(shown) if _number(one) == there)
    lines, wanted = shown[first : first + count], source[position:]
    assert len(lines) == count
    if not named:
        behind = [range(int(one[1]), int(one[2]) + 1) for one in map(_MARK.fullmatch, shown) if one and one[1]]
        assert all(one.stop <= there or there + count <= one.start for one in behind), "a mark stands for that number"
    around = ((position - 1, first - 1), (position + count, first + count)) if named else ()
    for index, other in around:
        assert index >= 0
        assert other >= 0
        assert _bare(source[index]) == _bare(shown[other]), "the lines around it stand around it there as well"
        assert _bare(source[index]).strip(), "and are lines to recognise it by"
    assert not any(one.lstrip(" \t").startswith("[narrows:") for one in lines), "it refers to what is ours"
    for index, (one, other_line) in enumerate(zip(wanted[:count], lines, strict=True)):
        if here:
            assert _number(one) == here[index]
            assert _number(other_line) == there + index
        if moved:
            assert _bare(one) == _bare(other_line), "only the number differs"
            widths = _width(one), _width(other_line)
            assert widths[0] == widths[1] or not other_line.startswith(" ") or len(str(_number(one))) > widths[1]
        else:
            assert one == other_line
    return count, place


def _range(first: str | None, last: str | None) -> range:
    return range(int(first), int(last) + 1) if first and last else range(0)


def _check_edge(
    found: re.Match[str], source: list[str], position: int, earlier: Outputs
) -> tuple[int, tuple[int, int]]:
    """The first or last lines of the source are those of the other text, line ends at their ends aside."""
    count, place = int(found[2]), (int(found[4]), int(found[3] or 1))
    shown = _with_numbers(earlier[place]).removesuffix("\n").split("\n")
    assert len(shown) >= count
    if found[1] == "first":
        named = shown[:count]
        assert position == 0
        assert source[:count] == named
    else:
        named = shown[-count:]
        assert source[position:] in (named, [*named, ""])
    assert not any(one.lstrip(" \t").startswith("[narrows:") for one in named), "it refers to what is ours"
    return count, place


def _check_whole(source: str, output: str, earlier: Outputs, own: int, shortened: str | None) -> None:
    found = _WHOLE.fullmatch(output)
    assert found, output
    (place,) = _names(found[2], own)
    head, _, rest = earlier[place].partition("\n")
    named = rest if screen_truth.is_head(head) else view_truth.numbered(earlier[place]) or earlier[place]
    assert named == (source if shortened is None else shortened)
    assert (found[1] is None) == (shortened is not None)
    if found[1]:
        assert int(found[1]) == len(source.split("\n")) - source.endswith("\n")
        assert found[3]


def _with_numbers(text: str) -> str:
    below = view_truth.numbered(text)
    return text if below is None else text.partition("\n")[0] + "\n" + below


def _names(words: str, own: int) -> list[tuple[int, int]]:
    names = []
    for one in words.split(", "):
        found = _NAMED.fullmatch(one)
        assert found, one
        assert own - int(found[2]) == int(found[3] or 0)
        names.append((int(found[2]), int(found[1] or 1)))
    return names


def _number(line: str) -> int | None:
    found = _NUMBER.match(line)
    return int(found[1]) if found else None


def _bare(line: str) -> str:
    return _NUMBER.sub("", line, count=1)


def _width(line: str) -> int:
    found = _NUMBER.match(line)
    return found.end() if found else 0


# --- conversations with repeats ---------------------------------------------------------------------------------------

_WORDS = ("value", "self.count", "    return x", "", "  ", "}", "import os", "def read(self):", "é 😀", "a\tb", "12: x")
_odd = st.lists(
    st.one_of(st.sampled_from(_WORDS), st.text(st.characters(exclude_characters="\n"), max_size=9)), max_size=3
)
_METER = (
    "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n"
    "                                 Dload  Upload   Total   Spent    Left  Speed\n\n"
    "  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0\n"
)
_ENDED = "100  1231  100  1231    0     0  12.1k      0 --:--:-- --:--:-- --:--:--  15421\n"
_PROMPTS = (
    "\n(Open file: /srv/shop/src/shop/cart.py)\n(Current directory: /srv/shop)\nbash-$ ",
    "\n[The command completed with exit code 0.]\n[Current working directory: /srv/shop]\n[Python interpreter: p]\n",
)
_GUTTERS = ("{}:", "{:6d}\t", "{:4d}|", "{:5d}\u2192", "{} ", "")


def file(seed: int, size: int) -> list[str]:
    """The lines of a file: most are told apart by a comment, some are blank, and some stand in it many times."""
    words = [_WORDS[(seed * index) % len(_WORDS)] for index in range(size)]
    return [
        word if index % (seed + 3) == 0 else f"{word} = compute({index * seed}, flag=True)  # {index}"
        for index, word in enumerate(words)
    ]


@st.composite
def conversations(draw: st.DrawFn) -> list[str]:
    """Tool outputs: windows of two files, edited on the way, with and without line numbers; outputs said again; text
    in between that is new, long, one line, or looks like a mark."""
    texts = [file(seed, draw(st.integers(20, 60))) for seed in draw(st.tuples(st.integers(2, 9), st.integers(2, 9)))]
    outputs: list[str] = []
    end, gutter = draw(st.sampled_from(("\n", "\n", "\r\n"))), draw(st.sampled_from(_GUTTERS))
    for step in draw(st.lists(st.sampled_from(("window", "edit", "edit", "again", "other")), min_size=1, max_size=6)):
        if step == "again" and outputs:
            outputs.append(draw(st.sampled_from(outputs)))
            continue
        if step == "other":
            outputs.append(draw(_others))
            continue
        text = texts[draw(st.integers(0, 1))]
        if step == "edit":
            place = draw(st.integers(0, len(text)))
            text[place : place + draw(st.integers(0, 2))] = draw(_odd)
        first, last = draw(st.integers(0, 8)), len(text) - draw(st.integers(0, 8))
        written = gutter if draw(st.integers(0, 5)) else ""
        before = draw(st.sampled_from(("", "", "[File: a.py (80 lines)]\n", "edited\n\n", _METER, _METER + _ENDED)))
        lines = [written.format(first + index + 1) + line for index, line in enumerate(text[first:last])]
        if not draw(st.integers(0, 5)):  # numbered like the lines above, and others
            lines += [written.format(first + index + 1) + line for index, line in enumerate(texts[0][:30])]
        outputs.append(before + end.join(lines) + draw(st.sampled_from(("", end, end + "bash-$", *_PROMPTS))))
    return [*outputs, *outputs[:1]]


_others = st.one_of(
    st.just("x" * 700),
    st.just("[narrows: 5 lines as in tool output 1]\n" + "line of text that is long enough\n" * 30),
    st.just("\n" * 800),
    st.just("same line again and again\n" * 60),
    st.just('[{"id": 1, "name": "a"}]'),
    st.text(max_size=40),
    st.builds("\n".join, st.builds(file, st.integers(2, 9), st.integers(20, 60))),
)
