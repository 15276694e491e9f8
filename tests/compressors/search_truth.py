"""Truth of search outputs: a reading of the forms that shares nothing with the compressor, and texts to hold it to."""

from __future__ import annotations

import json
import re
from collections import Counter

from hypothesis import strategies as st

from narrows.compressors.search import COMPRESSOR
from narrows.core.tool_call import ToolCall
from tests.compressors import search_forms_truth as forms
from tests.compressors import search_sources as made
from tests.laws.kinds import KindUnderTest

RG = ToolCall("bash", json.dumps({"command": "rg -n pattern ."}))

_NUMBERED = re.compile(r"([0-9]+(?:,[0-9]+)*)([:-])(.*)", re.DOTALL)
_NEXT = re.compile(r"\[narrows: the next ([0-9]+) lines? as in the source\]")
_HERE = re.compile(r"\[narrows: left out here: (.+)\]")


def without_end(text: str) -> list[str]:
    lines = text.split("\n")
    return lines[:-1] if len(lines) > 1 and lines[-1] == "" else lines


class Account:
    """What the source holds, to be crossed off as the output shows it."""

    def __init__(self, source: str) -> None:
        lines = without_end(source)
        self.lines = Counter(lines)
        self.under: Counter[tuple[str, str]] = Counter()
        heading = None
        for i, line in enumerate(lines):
            if line == "":
                heading = None
            elif heading is None and (i == 0 or lines[i - 1] == ""):
                heading = line
            elif heading is not None:
                self.under[heading, line] += 1
        self.with_headings = False

    def cross_off(self, path: str, number: str, separator: str, text: str) -> None:
        line = f"{path}{separator}{number}{separator}{text}"
        if self.lines[line] > 0:
            self.lines[line] -= 1
            return
        entry = f"{number}{separator}{text}"
        assert self.under[path, entry] > 0, f"{line!r} is not in the source"
        self.under[path, entry] -= 1
        self.lines[entry] -= 1
        self.with_headings = True

    def cross_off_line(self, line: str) -> None:
        assert self.lines[line] > 0, f"{line!r} is not in the source"
        self.lines[line] -= 1

    def entries_left(self, path: str) -> list[str]:
        """What remains of a file, as `number:text` or `number-text`."""
        plain = re.compile(re.escape(path) + r"([:-])([0-9]+)\1")
        left = []
        for line, count in self.lines.items():
            if count > 0 and plain.match(line):
                left += [line[len(path) + 1 :]] * count
        if self.with_headings or not left:
            for (heading, entry), count in self.under.items():
                if heading == path:
                    left += [entry] * min(count, self.lines[entry])
        return [entry for entry in left if _NUMBERED.fullmatch(entry)]


class Output:
    """An output taken apart: groups as (path, lines), and lines as they were."""

    def __init__(self, output: str) -> None:
        lines = without_end(output)
        self.head = lines[0]
        self.groups: list[tuple[str, list[str]]] = []
        self.others: list[str] = []
        self.first: list[str] = []
        i = 1
        while i < len(lines):
            counted = _NEXT.fullmatch(lines[i])
            if counted:
                count = int(counted[1])
                assert len(lines) >= i + 1 + count
                self.others += lines[i + 1 : i + 1 + count]
                i += 1 + count
            elif lines[i] == "":
                self.groups.append((lines[i + 1], []))
                i += 2
            else:
                (self.groups[-1][1] if self.groups else self.first).append(lines[i])
                i += 1


def check_truth(source: str, output: str) -> None:
    """Raises AssertionError where the output says what the source does not."""
    taken = Output(output)
    if taken.head.startswith("[narrows: tree of"):
        forms.check_tree(source, output)
    elif taken.head.startswith("[narrows: rg --json"):
        forms.check_events(source, output)
    elif taken.head.startswith("[narrows: search results without line numbers"):
        forms.check_unnumbered(source, output)
    elif taken.head.startswith("[narrows: search results"):
        check_results(*_as_plain(source, taken))
    else:
        check_paths(source, taken)


def _as_plain(source: str, taken: Output) -> tuple[str, Output]:
    """The source without the colours that the head line says were removed; and where the file has no name, both sides
    with one."""
    coloured = "; colour codes removed" in taken.head
    assert coloured == source.startswith("\x1b[")
    if coloured:
        source = re.sub(r"\x1b\[[0-9;]*[mK]", "", source)
    if "search results without a file name" in taken.head:
        assert not taken.groups
        named = re.sub(r"^([0-9]+)([:-])", r"the file\2\1\2", source, flags=re.MULTILINE)
        taken.groups, taken.first = [("the file", taken.first)], []
        return named, taken
    return source, taken


def check_results(source: str, taken: Output) -> None:
    account = Account(source)
    assert not taken.first
    shown: Counter[str] = Counter()
    lost: dict[str, list[str]] = {}
    for line in taken.others:
        account.cross_off_line(line)
    for name, entries in taken.groups:
        path = name
        for entry in entries:
            mark = _HERE.fullmatch(entry)
            if mark:
                lost.setdefault(path, []).append(mark[1])
            elif entry == "--":
                account.cross_off_line("--")
            else:
                numbers, separator, text = _NUMBERED.fullmatch(entry).groups()  # type: ignore[union-attr]
                for number in numbers.split(","):
                    shown[separator] += 1
                    account.cross_off(path, number, separator, text)
                assert "," not in numbers or "a text that a file has at several lines stands once" in taken.head
    gone = {path: check_lost(account, path, lost.get(path, [])) for path in {n for n, _ in taken.groups}}
    check_head(taken, shown, gone, account)
    gathered = "; the lines of each file brought together in their order, the order between files is lost" in taken.head
    if gathered:
        check_gathered(source, taken)
    if not lost:
        lossless = not gathered and "; colour codes removed" not in taken.head
        assert taken.head.endswith("; lossless: nothing left out]" if lossless else "; every line kept]")
        left = {line: count for line, count in account.lines.items() if count > 0}
        paths = {name for name, _ in taken.groups}
        assert all(account.with_headings and (line == "" or line in paths) for line in left), left


def check_gathered(source: str, taken: Output) -> None:
    """Every file has one group, and lines that stand alone in it keep the source's order."""
    paths = [name for name, _ in taken.groups]
    assert len(paths) == len(set(paths))
    place: dict[str, list[int]] = {}
    for i, line in enumerate(without_end(source)):
        place.setdefault(line, []).append(i)
    for path, (_, entries) in zip(paths, taken.groups, strict=True):
        alone = [found.groups() for entry in entries if (found := _NUMBERED.fullmatch(entry)) and "," not in found[1]]
        places = [place.get(f"{path}{separator}{n}{separator}{text}", []) for n, separator, text in alone]
        firsts = [found[0] for found in places if len(found) == 1]
        assert firsts == sorted(firsts)


def check_lost(account: Account, path: str, marks: list[str]) -> Counter[str]:
    """The marks of one file against what the source still holds of it."""
    said: Counter[str] = Counter()
    places: dict[str, list[str]] = {}
    for mark in marks:
        for part in mark.split("; "):
            words = re.fullmatch(
                r"([0-9]+) (match line|line|context line)s?( over 1000 characters)?"
                r"(?: and ([0-9]+) separators?)?(?: (?:at ([0-9, ]+)|from line ([0-9]+) to ([0-9]+)))?",
                part,
            )
            assert words, part
            said[words[2]] += int(words[1])
            said["separator"] += int(words[4] or 0)
            if words[5]:
                assert len(words[5].split(", ")) == int(words[1])
                places.setdefault(words[2], []).extend(words[5].split(", "))
            elif words[6]:
                places.setdefault(words[2], []).append(f"{words[6]}-{words[7]}")
    left = account.entries_left(path)
    kinds: dict[str, list[str]] = {"match line": [], "line": [], "context line": []}
    for entry in left:
        number, separator, _ = _NUMBERED.fullmatch(entry).groups()  # type: ignore[union-attr]
        kind = "line" if len(entry) > 1000 else "match line" if separator == ":" else "context line"
        kinds[kind].append(number)
    for kind, found in kinds.items():
        assert said[kind] == len(found), f"{path}: {said[kind]} {kind}s said to be left out, {len(found)} are"
        if kind != "context line" and found:
            check_places(places[kind], found)
    return said


def check_places(said: list[str], found: list[str]) -> None:
    listed = Counter(place for place in said if "-" not in place)
    ranges = [tuple(map(int, place.split("-"))) for place in said if "-" in place]
    assert not listed - Counter(found)
    for number in (Counter(found) - listed).elements():
        assert any(first <= int(number) <= last for first, last in ranges)
    for first, last in ranges:
        assert {str(first), str(last)} <= set(found)


def check_head(taken: Output, shown: Counter[str], gone: dict[str, Counter[str]], account: Account) -> None:
    """The head line's figures, recomputed."""
    total: Counter[str] = sum(gone.values(), Counter())
    long_context = sum(
        len(entry) > 1000 and entry.lstrip("0123456789")[:1] == "-"
        for path in gone
        for entry in account.entries_left(path)
    )
    matches = shown[":"] + total["match line"] + total["line"] - long_context
    context = shown["-"] + total["context line"] + long_context
    expected = f": {matches} match line{'s' * (matches != 1)}"
    if context:
        expected += f", {context} context line{'s' * (context != 1)}"
    assert account.lines["--"] == total["separator"]
    assert f"{expected} in {len(gone)} file{'s' * (len(gone) != 1)}" in taken.head
    if sum(total.values()):
        said = taken.head.split("left out and counted under each file: ")[1].rstrip("]")
        figures = {
            "match line": total["match line"],
            "line over": total["line"],
            "context line": total["context line"],
            "separator": total["separator"],
        }
        for words in re.findall(r"([0-9]+) (match line|line(?=s? over)|context line|separator)", said):
            name = "line over" if words[1] == "line" else words[1]
            assert figures.pop(name) == int(words[0])
        assert not any(figures.values())


def check_paths(source: str, taken: Output) -> None:
    account = Account(source)
    names = list(taken.first)
    for line in [*taken.first, *taken.others]:
        account.cross_off_line(line)
    for heading, entries in taken.groups:
        assert heading.endswith("/")
        for name in entries:
            account.cross_off_line(heading + name)
        names += entries
    assert not +account.lines
    # A path without a folder may stand among the other lines; only the total tells it from a line that is no path.
    said = re.match(r"\[narrows: ([0-9]+) paths?( with counts)? grouped by folder", taken.head)
    assert said
    assert len(names) <= int(said[1]) <= len(names) + len(taken.others)
    if said[2]:
        assert all(re.search(r":[0-9]+$", name) for name in names)
    assert taken.head.endswith("; lossless: nothing left out]")


UNDER_TEST = KindUnderTest(
    compressor=COMPRESSOR,
    sources=st.one_of(
        *[made.small_sources()] * 12, *[forms.trees(), forms.events(), forms.unnumbered()] * 2, made.large_sources()
    ),
    examples=(
        ("\n".join(sorted(made.LESSON.split("\n"), key=lambda line: line.split(":")[0])), "lossless"),
        (made.LARGE, "balanced"),
        (made.LARGE, "lossless"),
        (made.LONG, "balanced"),
        ("\n".join(f"src/package/{'abc'[i // 200]}/module_number_{i}.py" for i in range(600)), "lossless"),
        ("\n".join(f"\x1b[35msrc/a{i // 9}.py\x1b[m:\x1b[32m{i + 1}\x1b[m:    x = {i}" for i in range(40)), "balanced"),
        ("\n".join(f"{n}:{'y' * (9000 if n % 4 == 0 else 30)}" for n in range(1, 14)), "balanced"),
        ("\n".join(f"src/package/module_{i // 9}.py:    value_{i} = {i}" for i in range(90)), "lossless"),
        (forms.TREE, "lossless"),
        (forms.EVENTS, "lossless"),
        (forms.EVENTS.replace("value_7", "v" * 30_000), "balanced"),
    ),
    check_truth=check_truth,
    same=lambda source, expanded: source == expanded,
    tool_call=RG,
)
