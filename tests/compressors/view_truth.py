"""The judge of views: reads an output by what its head line says, line by line, and holds every line to the source's.

It knows the grammar from docs/forms.md and nothing of the code that writes it. A number that stands must be the one the
line has in the source, one that is missing must be missing by the rule, and what follows must be the source's to the
letter. Lines that belong to no view stand as they are.
"""

from __future__ import annotations

import re

from hypothesis import strategies as st

from narrows.compressors.view import COMPRESSOR
from tests.laws.kinds import KindUnderTest

_HEAD = re.compile(
    r"\[narrows: lines ((?:\d+-\d+(?:, (?=\d))?)+), lossless; numbers"
    r"(?:( on the first and even lines only)(?:, not padded to (\d+) columns)?| not padded to (\d+) columns)\]"
)


def check_truth(source: str, output: str) -> None:
    """Every line of the output against the line of the source that stands at its place."""
    head, *shown = output.split("\n")
    said = _HEAD.fullmatch(head)
    assert said, head
    lines = source.split("\n")
    assert len(shown) == len(lines), "nothing else is left out"
    every, columns = 2 if said[2] else 1, int(said[3] or said[4] or 0)
    ranges = [tuple(map(int, one.split("-"))) for one in said[1].split(", ")]
    place = 0
    for first, last in ranges:
        assert last - first >= 7, "a view is worth it"
        separator = next(sign for sign in "\t\u2192" for line in lines if line.lstrip(" ").startswith(f"{first}{sign}"))
        began = f"{first:{columns}d}{separator}" if columns else f"{first}{separator}"
        while not (lines[place].startswith(began) and shown[place].startswith(f"{first}{separator}")):
            assert shown[place] == lines[place], "outside of views everything stays"
            place += 1
        for number in range(first, last + 1):
            gutter = f"{number:{columns}d}{separator}" if columns else f"{number}{separator}"
            assert lines[place].startswith(gutter), (number, lines[place])
            written = f"{number}{separator}" if number == first or number % every == 0 else ""
            assert shown[place] == written + lines[place][len(gutter) :], (number, shown[place])
            assert written or not re.match(r" *\d+[\t\u2192]", shown[place]), "content that could be a number's"
            place += 1
    assert shown[place:] == lines[place:]


def numbered(output: str) -> str | None:
    """What stands below the head line, with the numbers that it says; None where the text is no view's form."""
    head, *lines = output.split("\n")
    said = _HEAD.fullmatch(head)
    if said is None:
        return None
    every, columns, place = 2 if said[2] else 1, int(said[3] or said[4] or 0), 0
    for one in said[1].split(", "):
        first, last = map(int, one.split("-"))
        place = next(at for at in range(place, len(lines)) if re.match(rf"{first}[\t\u2192]", lines[at]))
        separator = lines[place][len(str(first))]
        for number in range(first, last + 1):
            gutter = f"{number}{separator}"
            content = lines[place].removeprefix(gutter if number == first or number % every == 0 else "")
            lines[place] = gutter.rjust(columns + 1) + content
            place += 1
    return "\n".join(lines)


CODE = [
    "def f(x):",
    "    return x + 1",
    "",
    "\tindented by a tab  ",
    "class A:\r",
    "    12\tcells",
    "7\u2192x",
    "\u00e9\u2003=1",
    "  ",
]
_others = st.sampled_from(
    ("", "[File: a.py]", "     3\tthree", "9\u2192nine", "---", "[narrows", "OBSERVATION:", "x" * 90)
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Views of files one after the other, with lines around them; numbers that jump, stand twice or are not aligned."""
    separator, width = draw(st.sampled_from("\t\t\u2192")), draw(st.sampled_from((6, 6, 6, 4, 0)))
    lines = draw(st.lists(_others, max_size=2))
    plain = draw(st.integers(0, 2))
    for _ in range(draw(st.integers(1, 3))):
        first = draw(st.sampled_from((1, 1, 2, 7, 95, 998, 99_998)))
        for number in range(first, first + draw(st.integers(1, 40))):
            content = draw(st.sampled_from(CODE[:5] if plain else CODE))
            lines.append(str(number + (not draw(st.integers(0, 60)))).rjust(width) + separator + content)
        lines += draw(st.lists(_others, max_size=1))
    return draw(st.sampled_from(("\n", "\n", "\n", "\r\n"))).join(lines) + draw(st.sampled_from(("", "\n")))


def view(first: int, count: int, gutter: str = "{:6d}\t") -> str:
    """A view of a file, some of whose lines are blank or indented."""
    return "\n".join(
        gutter.format(n) + "    " * (n % 3) * (n % 4 > 0) + f"x{n} = f({n})" * (n % 4 > 0)
        for n in range(first, first + count)
    )


UNDER_TEST = KindUnderTest(
    compressor=COMPRESSOR,
    sources=texts(),
    examples=(
        (view(1, 60), "lossless"),
        (view(93, 60, "{:6d}\u2192") + "\n", "lossless"),
        ("total of 2 views\n" + view(1, 40, "{:5d}\u2192") + "\n--\n" + view(400, 50, "{:5d}\u2192"), "balanced"),
        (view(1, 300, "{}\u2192"), "balanced"),
    ),
    check_truth=check_truth,
    same=lambda source, expanded: source == expanded,
)
