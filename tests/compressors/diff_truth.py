"""Truth of shortened diffs: a reading of patches that shares nothing with the compressor."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from narrows.compressors.diff import COMPRESSOR
from narrows.core.tool_call import ToolCall
from tests.compressors.diff_sources import example, sources
from tests.laws.kinds import KindUnderTest

GIT_DIFF = ToolCall("bash", '{"command": "git diff"}')

_RANGES = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@(.*)", re.DOTALL)
_COMBINED = re.compile(r"@@@+(?: -\d+(?:,(\d+))?)+ \+\d+(?:,(\d+))? @@@+.*", re.DOTALL)
_LEFT_OUT = re.compile(
    r"\[narrows: (\d+) hunks? left out here, \+(\d+) -(\d+) lines: (?:lock file|generated file|minified lines)"
    r'(?:; in line (\d+) from character (\d+) on (".*?(?<!\\)(?:\\\\)*") became (".*"))?\]'
)
_DATA = re.compile(r"\[narrows: (\d+) lines of binary data left out here\]")
_HEAD = re.compile(
    r"\[narrows: diff of (\d+) files?, every changed line kept( except where a mark counts them)?; left out: (.+)\]"
)


@dataclass
class Line:
    """One line of a hunk, by where it stands: `old` or `new` is None on the side that lacks it."""

    sign: str
    old: int | None
    new: int | None
    text: str
    note: str = ""

    @property
    def key(self) -> tuple[str, int | None, int | None, str, str]:
        return self.sign, self.old, self.new, self.text, self.note


@dataclass
class Hunk:
    heading: str
    lines: list[Line] = field(default_factory=list)


Event = str | Hunk


def read(text: str) -> list[Event]:
    """A text as hunks, each line of them placed, and all other lines. Counts decide where a hunk ends."""
    lines = text.split("\n")
    events: list[Event] = []
    i = 0
    while i < len(lines):
        ranges = _RANGES.fullmatch(lines[i])
        combined = _COMBINED.fullmatch(lines[i])
        if ranges:
            hunk, i = _read_hunk(lines, i, ranges)
            events.append(hunk or lines[i - 1])
        elif combined:
            stop = _combined_stop(lines, i)
            events += lines[i:stop]
            i = stop
        else:
            events.append(lines[i])
            i += 1
    return events


def _read_hunk(lines: list[str], start: int, ranges: re.Match[str]) -> tuple[Hunk | None, int]:
    olds, news = int(ranges[2] or 1), int(ranges[4] or 1)
    old, new = int(ranges[1]) + (olds == 0), int(ranges[3]) + (news == 0)
    old_end, new_end = old + olds, new + news
    hunk, i = Hunk(ranges[5]), start + 1
    while old < old_end or new < new_end:
        if i == len(lines) or (i == len(lines) - 1 and lines[i] == ""):
            return None, start + 1  # cut off: its lines are lines like any other
        line = lines[i]
        sign, content = (line[0], line[1:]) if line[:1] in ("+", "-", "\\") else (" ", line)
        if sign == "\\" and not hunk.lines:
            return None, start + 1  # a note on nothing
        if sign == "\\":
            hunk.lines[-1].note = line
        else:
            hunk.lines.append(Line(sign, None if sign == "+" else old, None if sign == "-" else new, content))
            old, new = old + (sign != "+"), new + (sign != "-")
        i += 1
    if (old, new) != (old_end, new_end):
        return None, start + 1  # its counts do not fit: no hunk, and only the same lines are its truth
    if i < len(lines) and lines[i].startswith("\\ "):
        hunk.lines[-1].note = lines[i]
        i += 1
    return hunk, i


def _combined_stop(lines: list[str], start: int) -> int:
    """Where a combined hunk ends: it is compared as plain lines, only its content must not be read as headers."""
    header = lines[start]
    parents = len(header) - len(header.lstrip("@")) - 1
    news = int(re.findall(r"\+\d+(?:,(\d+))?", header)[0] or 1)
    olds = [int(count or 1) for count in re.findall(r" -\d+(?:,(\d+))?", header)]
    i = start + 1
    while i < len(lines) and (news or any(olds)):
        signs = lines[i][:parents].ljust(parents)
        if not lines[i].startswith("\\"):
            removed = "-" in signs
            news -= not removed
            olds = [old - (sign == ("-" if removed else " ")) for old, sign in zip(olds, signs, strict=True)]
        i += 1
    return i


def runs(events: list[Event]) -> list[tuple[list[Hunk], list[str]]]:
    """Alternating: the hunks of one place, then the lines up to the next."""
    found: list[tuple[list[Hunk], list[str]]] = [([], [])]
    for event in events:
        if isinstance(event, Hunk):
            if found[-1][1]:
                found.append(([], []))
            found[-1][0].append(event)
        else:
            found[-1][1].append(event)
    return found


def check_truth(source: str, output: str) -> None:
    """Raises AssertionError where the output says what the source does not."""
    head, _, body = output.partition("\n")
    words = _HEAD.fullmatch(head)
    assert words, head
    coloured = words[3].startswith("colour codes")
    assert coloured == source.startswith("\x1b[")
    if coloured:
        source = re.sub(r"\x1b\[[0-9;]*[mK]", "", source)
    counted = Counted()
    shown = read(body)
    at = 0
    for hunks, others in runs(read(source)):
        start = at
        while at < len(shown) and isinstance(shown[at], Hunk):
            at += 1
        at = counted.hunks(hunks, shown[start:at], shown, at)
        for line in others:
            if at < len(shown) and shown[at] == line:
                at += 1
            else:
                at = counted.absent(line, shown, at)
    assert at == len(shown), f"{shown[at]!r} is not in the source"
    assert counted.open_data == 0
    counted.check(re.sub("^colour codes(?:; )?", "", words[3]), bool(words[2]))
    assert int(words[1]) == files(source)


_OPENS = re.compile(r"diff (?:--git|--cc|--combined|-[\w-]|\S+ \S)")
_EXTENDS = re.compile(
    r"(?:old|new|deleted file|new file) mode |(?:copy|rename) (?:from|to) |(?:dis)?similarity index |index |mode "
)


def files(source: str) -> int:
    """File diffs, counted by their first lines: `diff ...`, or `---` where no header precedes it."""
    lines = ["@@" if isinstance(event, Hunk) else event for event in read(source)]
    count = 0
    for i, line in enumerate(lines):
        if _OPENS.match(line):
            count += 1
        elif (
            line.startswith("--- ")
            and lines[i + 1 : i + 2]
            and lines[i + 1].startswith("+++ ")
            and "".join(lines[i + 2 : i + 3]).startswith("@@")
        ):
            before = i - 1
            while before >= 0 and _EXTENDS.match(lines[before]):
                before -= 1
            count += before < 0 or not _OPENS.match(lines[before])
    return count


@dataclass
class Counted:
    """What the output lacks, counted anew."""

    context: int = 0
    index: int = 0
    left_out_hunks: int = 0
    data: int = 0
    open_data: int = 0

    def hunks(self, source: list[Hunk], shown: list[Event], events: list[Event], at: int) -> int:
        event = events[at] if at < len(events) else ""
        mark = _LEFT_OUT.fullmatch(event) if isinstance(event, str) else None
        if mark and not shown:
            lines = [line for hunk in source for line in hunk.lines]
            added, removed = (sum(line.sign == sign for line in lines) for sign in "+-")
            assert (len(source), added, removed) == (int(mark[1]), int(mark[2]), int(mark[3]))
            self.left_out_hunks += len(source)
            if mark[4]:
                check_place(lines, mark)
            return at + 1
        kept = [hunk for hunk in shown if isinstance(hunk, Hunk)]
        expected = [line.key for hunk in source for line in hunk.lines if line.sign != " "]
        assert [line.key for hunk in kept for line in hunk.lines if line.sign != " "] == expected
        context = [line for hunk in source for line in hunk.lines if line.sign == " "]
        places = {line.key for line in context}
        left = [line for hunk in kept for line in hunk.lines if line.sign == " "]
        assert {line.key for line in left} <= places
        assert len({line.key for line in left}) == len(left)
        assert {line.key for line in context if line.note} <= {line.key for line in left}
        for hunk in kept:
            first = hunk.lines[0].key
            if all(line.sign == " " for line in hunk.lines):
                assert hunk in source, "a hunk without a change applies nowhere"
            home = next(one for one in source if first in {line.key for line in one.lines})
            assert hunk.heading in (home.heading, "", "\r")
        self.context += len(context) - len(left)
        return at

    def absent(self, line: str, shown: list[Event], at: int) -> int:
        """A line of the source that the output lacks at this place."""
        if re.fullmatch(r"index [0-9a-f]+\.\.[0-9a-f]+( 100644)?\r?", line):
            self.index += 1
            return at
        event = shown[at] if at < len(shown) else ""
        mark = _DATA.fullmatch(event) if isinstance(event, str) else None
        assert mark, f"{line!r} is missing"
        self.data += 1
        self.open_data = self.open_data or int(mark[1])
        self.open_data -= 1
        return at + (self.open_data == 0)

    def check(self, words: str, reduced: bool) -> None:
        expected = [
            f"{self.context} context line{'s' * (self.context != 1)}, hunk headers recomputed",
            f"{self.index} index line{'s' * (self.index != 1)}",
            f"{self.left_out_hunks} hunk{'s' * (self.left_out_hunks != 1)} of lock, generated or minified files",
            f"{self.data} lines of binary data",
        ]
        assert words == "; ".join(part for part in expected if not part.startswith("0 "))
        assert reduced == bool(self.left_out_hunks)


def check_place(lines: list[Line], mark: re.Match[str]) -> None:
    """The only two lines that differ do so where the mark says, and nowhere else."""
    removed, added = (next(line for line in lines if line.sign == sign) for sign in "-+")
    start, old, new = int(mark[5]) - 1, json.loads(mark[6]), json.loads(mark[7])
    assert removed.old == int(mark[4])
    assert old != new
    assert removed.text[start : start + len(old)] == old
    assert removed.text[:start] + new + removed.text[start + len(old) :] == added.text


UNDER_TEST = KindUnderTest(
    compressor=COMPRESSOR,
    sources=sources(),
    examples=(
        (example(1, 6), "balanced"),
        (example(5, 9), "balanced"),
        (example(60, 6), "balanced"),
        ("\x1b[1m" + example(3, 3).replace("\n", "\x1b[m\n"), "balanced"),
        (f"--- a.js\n+++ a.js\n@@ -7 +7 @@\n-{'a=1,' * 900}b=2\n+{'a=1,' * 900}b=3\n", "balanced"),
    ),
    check_truth=check_truth,
    same=lambda source, expanded: source == expanded,
    tool_call=GIT_DIFF,
)
