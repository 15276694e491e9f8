"""Diagnostics that say the same of several places: compilers' warnings, and what linters find.

Of those alike the first is shown as it stands; the others are listed under it by their places, with the words by which
they differ. Alike are diagnostics whose text after the place is equal but for quoted words and digits. An error is
listed only where its tool has a code for all that it says (tsc, mypy, pyright, linters), because there one line is one
error and nothing else belongs to it; an error of a compiler that shows its source is never listed.

Words by which diagnostics differ stand in a list as JSON strings, without the quotes that the tool put around them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

import msgspec

from narrows.compressors.log import stamps
from narrows.compressors.log.classes import Tone

FEWEST = 4
"""So many diagnostics alike are listed."""
MOST_PLACES = 300
"""So many places of warnings are named; further ones are counted."""
MOST_WORDS = 4
LONGEST_WORD = 80
"""With more words that differ, or longer ones, diagnostics are not alike."""
LONGEST = 1_000
MANY_WORDS = 150
"""A diagnostic of more words, or more characters, is like no other: which words differ is not looked for."""
WORTH = 1.2
"""Listed is what is so many times longer than its list."""
LONGEST_EXCERPT = 60

_DIAGNOSTIC = re.compile(
    r"[ \t]*(?:\[(?:WARNING|ERROR)\] |[we]: (?:file://)?)?"
    r"((?:[A-Za-z]:[\\/])?(?=\d*[^\s:()\[\]\"',\d])[^\s:()\[\]\"',]+)"
    r"(:\d+(?::\d+)?(?=:| -)|\(\d+(?:,\d+)?\)(?=:| ?:)|:\[\d+,\d+\])"
    r"( ?:? .*)"
)
"""`path:line:column: message`, `path(line,column): message`, `path:line:column - message`, `path:[line,column] ...`."""
_POINTED = re.compile(r"warning(?:\[\S+\])?: |[A-Z]{1,7}\d{2,5} \S|invalid-syntax: ")
_POINTER = re.compile(r"\s*--> ([^\s:]+)(:\d+:\d+)$")
"""Rust's form and ruff's: the place stands below."""
_BARE_POINTER = re.compile(r"\s*--> [^\s:]+::$")
_CODED = re.compile(r".*\berror TS\d+: |.*: error: .*  \[[a-z][\w-]*\]$|.* - error: .* \(report\w+\)$")
"""An error of a tool that gives all of them a code and a line."""
_WORD = re.compile(
    "\u2018[^\u2018\u2019\\n]*\u2019|\u201c[^\u201c\u201d\\n]*\u201d"
    r"|\"[^\"\n]*\"|`[^`\n]*`|(?<![\w])'[^'\n]*'(?!\w)|\S+"
)
"""A quotation, in the quotes of any tool, or a word."""
_CLOSED = {"\u2018": "\u2019", "\u201c": "\u201d", '"': '"', "`": "`", "'": "'"}
"""What ends a quotation, by what opens it."""
_DIGITS = re.compile(r"\d+")
_QUOTED = re.compile(r"\s*\d* +\||\d+ +[+-](?: |$)|help: ")
_NUMBERED = re.compile(r"\d+\s")
_CARETS = re.compile(r"\s*~+\s*$")
_NOTE = re.compile(r"[^\s:]+:\d+(?::\d+)?: note: |\S+\(\d+(?:,\d+)?\): note: ")
"""What a compiler adds about another place."""
MOST_NOTES = 8
MOST_DIRECTORIES = 32
"""So many directories in one another are known."""
_ENTERED = re.compile(r"(\S+): (Entering|Leaving) directory (.+)|(?:> (\S+@\S.*)|[+$]+ (?:cd|pushd) (.+))$")
_JOBS = re.compile(r"\bg?make (?:\S{1,80} ){0,8}?-j(?: ?\d|\s|$)")


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A line's place and what it says there."""

    number: int
    path: str
    at: str
    says: str

    @property
    def words(self) -> list[str]:
        """The words, quoted ones without their quotes."""
        return [word[1:-1] if _is_quoted(word) else word for word in _WORD.findall(self.says)]


@dataclass(frozen=True, slots=True)
class Listing:
    """Diagnostics alike: the first, and those that are listed under it. `differ`: which of their words do; `complete`:
    all are named, however many."""

    first: Diagnostic
    others: tuple[Diagnostic, ...]
    differ: tuple[int, ...]
    complete: bool

    def without(self, shown: bytearray) -> Listing:
        """The same with those only that are not shown."""
        others = tuple(one for one in self.others if not shown[one.number])
        return Listing(self.first, others, self.differ, self.complete)

    @property
    def text(self) -> str:
        """What stands under the first."""
        named = self.others if self.complete else self.others[:MOST_PLACES]
        apart = f" but for {', '.join(self._words(self.first))}" if self.differ else ""
        entries: list[str] = []
        path = "" if self.complete else self.first.path
        for one in named:
            place = one.at if one.path == path else one.path + one.at
            entries.append(" ".join((place, *self._words(one))))
            path = "" if self.complete else one.path
        more = f", and {len(self.others) - len(named)} more" if len(named) < len(self.others) else ""
        return f"{len(self.others)} more like line {self.first.number + 1}{apart}: {', '.join(entries)}{more}"

    def _words(self, one: Diagnostic) -> Iterator[str]:
        words = one.words
        return (msgspec.json.encode(words[place]).decode() for place in self.differ)


def listings(
    source: Sequence[str], lines: Sequence[str], tones: Sequence[Tone], alarms: Sequence[int]
) -> Iterator[Listing]:
    """Which diagnostics may be listed; `lines`: the source's inside their frames; `alarms`: the numbers of those marked
    as errors or warnings, in order. Those that say the very same come first; the others are taken together where some
    of their words differ. Taken together is only what stands below one name and in one directory: a place in a list
    has neither, so it is read as the first one's."""
    same: defaultdict[tuple[bool, str, str], list[Diagnostic]] = defaultdict(list)
    for number, directory in zip(alarms, _directories(lines, alarms), strict=True):
        found = _diagnostic(lines, number)
        if found is not None and (tones[number] is Tone.WARNING or _CODED.match(found.says) is not None):
            name = stamps.without_times(source[number].removesuffix(lines[number])) if source is not lines else ""
            if found.path.startswith("/"):
                same[tones[number] is Tone.WARNING, name, found.says].append(found)
            elif directory is not None:
                same[tones[number] is Tone.WARNING, f"{name}\n{directory}", found.says].append(found)
    alike: defaultdict[tuple[bool, str, str], list[Diagnostic]] = defaultdict(list)
    for (warnings, under, says), members in same.items():
        if len(members) >= FEWEST:
            yield from _listing(lines, members, (), warnings=warnings)
        elif len(says) <= MANY_WORDS or len(_WORD.findall(says)) <= MANY_WORDS:
            alike[warnings, under, _WORD.sub(_masked, says)] += members
    for (warnings, _, _), members in alike.items():
        differ = _differing(members) if len(members) >= FEWEST else None
        if differ is not None:
            members.sort(key=attrgetter("number"))
            yield from _listing(lines, members, differ, warnings=warnings)


def _directories(lines: Sequence[str], numbers: Sequence[int]) -> Iterator[str | None]:
    """The directory or package in which each of these lines, in order, was printed, as far as the log says so; None in
    the directories of a build that works in several at once, where a line may be of any of those that are open."""
    entered: list[str] = []
    package, after = "", 0
    at_once: bool | None = None
    for number in numbers:
        for line in lines[after:number]:
            found = _ENTERED.match(line) if "directory " in line or line[:1] in ("+", "$", ">") else None
            if found is None:
                continue
            if found[2] is None:
                package = found[4] or found[5]
            elif found[2] == "Entering":
                entered = [*entered[1 - MOST_DIRECTORIES :], found[3]]
            elif found[3] in entered:
                last = len(entered) - 1 - entered[::-1].index(found[3])
                del entered[last]
        after = number
        if entered and at_once is None:
            at_once = _works_at_once(lines)
        yield None if at_once and entered else f"{package}\n{entered[-1] if entered else ''}"


def _works_at_once(lines: Sequence[str]) -> bool:
    """Whether make builds in several directories at once: it was told to run jobs side by side, it enters a directory
    before it has left another at the same depth, or it leaves one that is not the last entered."""
    inside: dict[str, str] = {}
    for line in lines:
        if " -j" in line and _JOBS.search(line) is not None:
            return True
        found = _ENTERED.match(line) if "directory " in line and "make" in line else None
        if found is None or found[2] is None or "make" not in found[1]:
            continue
        last = next(reversed(inside.values()), found[3])
        if found[2] == "Entering":
            if inside.setdefault(found[1], found[3]) != found[3]:
                return True
        elif inside.pop(found[1], found[3]) != found[3] or last != found[3]:
            return True
    return False


def _listing(
    lines: Sequence[str], members: Sequence[Diagnostic], differ: tuple[int, ...], *, warnings: bool
) -> Iterator[Listing]:
    """The listing of these, if it is worth it."""
    listing = Listing(members[0], tuple(members[1:]), differ, complete=not warnings)
    if sum(_length(lines, one.number) for one in members[1:]) >= WORTH * len(listing.text):
        yield listing


def _length(lines: Sequence[str], number: int) -> int:
    """How long a diagnostic is, with the place below it."""
    return len(lines[number]) + 1 + (len(lines[number + 1]) + 1 if _points(lines, number) else 0)


def excerpt(lines: Sequence[str], number: int) -> range:
    """The lines below a diagnostic that quote the source and point into it, and the blank ones around them."""
    depth = _depth(lines[number])
    last = min(len(lines), number + 1 + LONGEST_EXCERPT)
    for after in range(number + 1 + _points(lines, number), last):
        line = lines[after]
        bare = line.lstrip()
        if bare and len(line) - len(bare) <= depth and _QUOTED.match(line) is None and not _is_pretty(lines, after):
            return range(number + 1, after)
    return range(number + 1, last)


def pointed(lines: Sequence[str], keys: Sequence[str], counts: Collection[str]) -> list[int]:
    """The lines that are diagnostics by their code and by the place below them: a linter that shows the source gives
    them no level. `keys`: the lines without digits; `counts`: each key once."""
    pointers = {key for key in counts if "--> " in key and _BARE_POINTER.match(key) is not None}
    if not pointers:
        return []
    return [number for number in range(len(lines) - 1) if keys[number + 1] in pointers and _points(lines, number)]


def _points(lines: Sequence[str], number: int) -> bool:
    """Whether a line is a diagnostic with its place below."""
    return (
        number + 1 < len(lines)
        and _POINTED.match(lines[number]) is not None
        and _POINTER.match(lines[number + 1]) is not None
    )


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _is_pretty(lines: Sequence[str], number: int) -> bool:
    """Whether tsc quotes the source: its line's number, the line, and below it where to look."""
    return (
        _NUMBERED.match(lines[number]) is not None
        and number + 1 < len(lines)
        and _CARETS.match(lines[number + 1]) is not None
    )


def with_notes(lines: Sequence[str], number: int) -> range:
    """The excerpt of a diagnostic, and a compiler's notes below it with theirs."""
    stop = excerpt(lines, number).stop
    for _ in range(MOST_NOTES if _CODED.match(lines[number]) is None else 0):
        if stop == len(lines) or _NOTE.match(lines[stop]) is None:
            break
        stop = excerpt(lines, stop).stop
    return range(number + 1, stop)


def below(lines: Sequence[str], number: int) -> int:
    """The line above which a list stands: behind what belongs to the first."""
    return next((last + 1 for last in reversed(with_notes(lines, number)) if lines[last].strip()), number + 1)


def show_whole(
    lines: Sequence[str], shown: bytearray, show: Callable[[int, int], None], found: Sequence[Listing]
) -> list[Listing]:
    """Those whose first is shown. Of the others each diagnostic is shown, and any of which some quoted source or note
    is."""
    headed = [one for one in found if shown[one.first.number]]
    for one in found:
        for other in one.others:
            quoted = with_notes(lines, other.number)
            if not shown[one.first.number]:
                show(other.number, other.number + 1)
            if shown.find(1, quoted.start, quoted.stop) >= 0:
                show(other.number, quoted.stop)
    return headed


def _diagnostic(lines: Sequence[str], number: int) -> Diagnostic | None:
    line = lines[number]
    if len(line) > LONGEST:
        return None
    if _POINTED.match(line) is not None:
        place = _POINTER.match(lines[number + 1]) if number + 1 < len(lines) else None
        return Diagnostic(number, place[1], place[2], line) if place is not None else None
    found = _DIAGNOSTIC.match(line)
    return Diagnostic(number, found[1], found[2], found[3]) if found is not None else None


def _masked(word: re.Match[str]) -> str:
    text = word[0]
    return f"{text[0]}*{text[-1]}" if _is_quoted(text) else _DIGITS.sub("", text)


def _is_quoted(word: str) -> bool:
    """Whether a word is a whole quotation; an apostrophe or a quote that nothing ends is a letter like others."""
    return len(word) > 1 and _CLOSED.get(word[0]) == word[-1]


def _differing(members: Sequence[Diagnostic]) -> tuple[int, ...] | None:
    """Which words are not the same in all; None where there are too many or too long ones."""
    rows = [one.words for one in members]
    if len(set(map(len, rows))) > 1:
        return None
    differ = tuple(place for place, words in enumerate(zip(*rows, strict=True)) if len(set(words)) > 1)
    if len(differ) > MOST_WORDS or any(len(row[place]) > LONGEST_WORD for row in rows for place in differ):
        return None
    return differ
