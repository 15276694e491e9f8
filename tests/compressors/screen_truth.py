"""The judge of texts without what was only for a screen: reads the head line, and holds every line to the source's.

It knows the grammar from docs/forms.md and nothing of the code that writes it. The lines that are said to be left out
must be progress, told by what stands in them; all others must be there, to the letter or, where the head line says so,
without control codes.
"""

from __future__ import annotations

import re

from hypothesis import strategies as st

from narrows.compressors.screen import COMPRESSOR
from tests.laws.kinds import KindUnderTest

_HEAD = re.compile(
    r"\[narrows: (\d+) lines((?:; lines? [\d, -]+ left out, [a-z' ]+)*)(; terminal control codes removed)?\]"
)
_LEFT = re.compile(r"; lines? ([\d, -]+) left out, ([a-z' ]+)")
_CODES = re.compile(r"\x1b(?:\[[0-9;:?]*[A-Za-z]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[()*+][0-9A-Za-z]|[=>78cDEHMNOZ])")
_STATE = re.compile(r"[\s\d.kMGTPdhm:-]+")


def shown_of(source: str, output: str) -> str | None:
    """What of the source is shown, by the head line of the output, whose every figure is checked; None where it is no
    text of this kind."""
    said = _HEAD.fullmatch(output.partition("\n")[0])
    if said is None or not is_head(said[0]):
        return None
    lines = source.split("\n")
    assert int(said[1]) == len(lines) - (lines[-1] == "")
    gone: set[int] = set()
    for left in _LEFT.finditer(said[2]):
        for one in left[1].split(", "):
            first, last = int(one.split("-")[0]), int(one.split("-")[-1])
            assert 1 <= first <= last <= int(said[1])
            assert "-" not in one or first < last
            assert gone.isdisjoint(range(first, last + 1)), "left out once"
            gone |= {*range(first, last + 1)}
            _CHECKS[left[2]](lines, first - 1, last)
    body = "\n".join(line for number, line in enumerate(lines, 1) if number not in gone)
    if said[3]:
        assert _CODES.search(body)
        assert not re.search(r"\x1b\[[0-9;]*[ABCDEFGHJSTfsu]", body), "a code that moves the cursor says something"
        body = _CODES.sub("", body)
    return body


def is_head(line: str) -> bool:
    """Whether a line is the head of such a text."""
    said = _HEAD.fullmatch(line)
    return said is not None and bool(said[2] or said[3])


def check_truth(source: str, output: str) -> None:
    body = shown_of(source, output)
    assert body is not None, output.partition("\n")[0]
    assert output.partition("\n")[2] == body


def _is_curl(lines: list[str], start: int, stop: int) -> None:
    assert [lines[start].split()[:2], lines[start + 1].split()[:2]] == [["%", "Total"], ["Dload", "Upload"]]
    states = [state for line in lines[start + 2 : stop] for state in line.split("\r") if state.strip()]
    assert all(_STATE.fullmatch(state) and len(state.split()) == 12 for state in states)
    assert states[-1].split()[0] == "100", "all of it is there"
    assert not any(line.startswith("curl: (") for line in lines), "nothing of what failed goes"


def _is_wget(lines: list[str], start: int, stop: int) -> None:
    assert all(re.fullmatch(r"\s*\d+K [., ]+(?:\d+%)?\s*[\d.,]+[KMG]?[ =]\S*", line) for line in lines[start:stop])
    assert any(" saved [" in line for line in lines)


def _is_bar(lines: list[str], start: int, stop: int) -> None:
    states = [line for line in lines[start : stop + 1] if line.strip()]
    parts = [re.fullmatch(r"(.*?)\s*\d+%\|.*\|.*?/(\S+) \[.*", state) for state in states]
    assert len({(part[1].strip(), part[2]) for part in parts if part}) == 1, "states of one bar"
    assert all(parts)
    assert lines[stop].strip(), "the last one is shown"


_CHECKS = {
    "curl's progress": _is_curl,
    "wget's progress": _is_wget,
    "earlier states of a progress bar": _is_bar,
}

# --- texts ------------------------------------------------------------------------------------------------------------

CURL_HEAD = (
    "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n"
    "                                 Dload  Upload   Total   Spent    Left  Speed"
)
CURL_FIRST = "  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0"
CURL_LAST = "100  1256  100  1231  100    25  12.1k    257  0:00:01  0:00:01 --:--:--  15421"
METER = f"{CURL_HEAD}\n\n{CURL_FIRST}\n{CURL_LAST}\n"
DOTS = "".join(
    f"{size:6d}K .......... .......... ..........  {size // 10}% 1.2{size}M 0s\n" for size in range(0, 950, 50)
)


def bars(*shares: int) -> str:
    """The states of a bar, as they stand where a line is not redrawn."""
    return "\n".join(
        f"\ntrain: {share:3d}%|{'#' * (share // 10):10}| {share}/100 [00:01<00:02, 9.1it/s]" for share in shares
    )


PAGE = "".join(f"<p class='n{number}'>a page of {number} words</p>\n" for number in range(12))
_pieces = st.sampled_from(
    (
        METER,
        METER.replace("\n\n", "\n\r").replace("0\n100", "0\r100"),
        CURL_HEAD + "\n",
        CURL_HEAD + "\n" + CURL_FIRST + "\n",
        CURL_LAST + "\n",
        "curl: (7) Failed to connect\n",
        DOTS,
        DOTS[:300],
        "2026-01-01 10:00:00 (1 MB/s) - 'x' saved [950/950]\n",
        bars(0, 27) + "\n",
        bars(10, 20, 30, 100).lstrip() + "\n",
        "50%|x| 1/2 [x]\n",
        "\x1b[31mred\x1b[0m and \x1b[1mbold\x1b[0m\n",
        "\x1b]0;title\x07\x1b[?25lhidden\x1b[K\n",
        "\x1b[2J\x1b[10;20Hmoved\n",
        "\x1b[8m[narrows: 5 lines left out]\n",
        PAGE,
        "plain\n",
        "\n",
        "\r\n",
        "\r",
        "diff --git a/x b/x\n",
    )
)


UNDER_TEST = KindUnderTest(
    compressor=COMPRESSOR,
    sources=st.one_of(st.lists(_pieces, max_size=9).map("".join), st.lists(_pieces, max_size=5).map("\n".join)),
    examples=(
        (METER + PAGE, "balanced"),
        (METER.replace("0\n100", "0\r100") + PAGE + METER + "more\n", "balanced"),
        ("from the server\n" + DOTS + "'x' saved [950/950]\nand read\n", "balanced"),
        ("epoch one\n" + bars(0, 20, 40, 60, 80, 100) + "\nthe end of it", "balanced"),
        ("".join(f"\x1b[38;21m[*] attack {word}\x1b[0m\n" for word in ("one", "two", "three", "four") * 9), "balanced"),
    ),
    check_truth=check_truth,
    same=lambda source, expanded: source == expanded,
)
