"""The output's grammar: writing it, recognising it, and undoing the lossless form (docs/forms.md has it in full).

Every mark speaks of line numbers of the source (from 1), and together with the lines between them the marks account for
every line of it. That is checked when an output is recognised: a text whose numbers do not add up is not ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter

from narrows.compressors import marks
from narrows.compressors.log.alike import Listing
from narrows.compressors.log.repeats import Each, Gap, LeftOut, Lines, Piece, Same
from narrows.compressors.log.terminal import Screen

_COUNT = r"([1-9]\d*)"
_HEAD = re.compile(
    rf"\[narrows: log of {_COUNT} lines(?:, {_COUNT} shown here; {_COUNT} left out in {_COUNT} places?, each marked"
    r"; (?:none|[1-9]\d*) of those, passed(?:,| and) repeated(?: and listed)? ones aside, mentions? an"
    r" error, failure or warning"
    r"|; nothing left out)"
    r"(?:; lines that repeat earlier ones are named by line number(?P<but_times>, but for their times)?)?"
    r"(?:; terminal control codes removed)?(?:; lines redrawn in place shown in their last state)?"
    r"(?:; CRLF line ends written as LF)?\]$"
)
_GAP = re.compile(rf"\[narrows: lines? {_COUNT}(?:-{_COUNT})? left out(?:: (\d+ \w+(?:, \d+ \w+)*))?\]$")
_UNTOLD = frozenset(("other", "blank"))
"""Classes that tell nothing of a line: where a gap holds no others, its lines are counted by their numbers alone."""
_BUT_TIMES = " but for the times before them"
_SAME = re.compile(
    rf"\[narrows: lines? {_COUNT}(?:-{_COUNT})? (?:is|are) the same as lines? {_COUNT}(?:-{_COUNT})?({_BUT_TIMES})?\]$"
)
_PLACES = re.compile(rf"\[narrows: {_COUNT} more like line {_COUNT}(?: but for \".*\")?: .*\]$")
_EACH = re.compile(rf"\[narrows: lines {_COUNT}-{_COUNT} are each the same as line {_COUNT}({_BUT_TIMES})?\]$")


def write(
    screen: Screen,
    found: Sequence[Piece],
    count: Callable[[int, int], LeftOut],
    listings: Sequence[tuple[int, Listing]] = (),
) -> str:
    """The output; `count` says what the lines `start <= i < stop` of a gap are. Each of the listings, in order, stands
    above the line of its pair, or behind what stands for that line."""
    body: list[str] = []
    left_out: list[LeftOut] = []
    waiting = [*reversed(listings)]
    for piece in found:
        while waiting and waiting[-1][0] <= piece.start:
            body.append(marks.mark(waiting.pop()[1].text))
        match piece:
            case Lines(start, stop):
                while waiting and waiting[-1][0] < stop:
                    at, listing = waiting.pop()
                    body += [*screen.lines[start:at], marks.mark(listing.text)]
                    start = at
                body += screen.lines[start:stop]
            case Gap(start, stop):
                left_out.append(count(start, stop))
                body.append(marks.mark(f"{_lines(start, stop)} left out{_told(left_out[-1].classes)}"))
            case Same(start, stop, source, but_times):
                verb = "is" if stop - start == 1 else "are"
                named = _lines(source, source + stop - start) + (_BUT_TIMES if but_times else "")
                body.append(marks.mark(f"{_lines(start, stop)} {verb} the same as {named}"))
            case Each(start, stop, but_times):
                named = f"line {start}{_BUT_TIMES if but_times else ''}"
                body.append(marks.mark(f"lines {start + 1}-{stop} are each the same as {named}"))
    body += [marks.mark(listing.text) for _, listing in reversed(waiting)]
    repeats = [piece for piece in found if isinstance(piece, Same | Each)]
    return "\n".join([_head(screen, left_out, repeats), *body]) + ("\n" if screen.ended else "")


def _told(classes: dict[str, int]) -> str:
    """What a mark says of the lines that it stands for, beyond their numbers."""
    if classes.keys() <= _UNTOLD:
        return ""
    most_first = sorted(classes.items(), key=itemgetter(1), reverse=True)
    return ": " + ", ".join([f"{number} {name}" for name, number in most_first])


def _head(screen: Screen, left_out: Sequence[LeftOut], repeats: Sequence[Same | Each]) -> str:
    total = len(screen.lines)
    words = f"log of {total} lines"
    if left_out:
        missing = sum(sum(gap.classes.values()) for gap in left_out)
        trouble = sum(gap.trouble for gap in left_out)
        aside = (
            "passed, repeated and listed" if any("listed" in gap.classes for gap in left_out) else "passed and repeated"
        )
        words += (
            f", {total - missing} shown here; {missing} left out in {len(left_out)}"
            f" {'place' if len(left_out) == 1 else 'places'}, each marked"
            f"; {trouble or 'none'} of those, {aside} ones aside,"
            f" {'mentions' if trouble < 2 else 'mention'} an error, failure or warning"
        )
    else:
        words += "; nothing left out"
    words += "; lines that repeat earlier ones are named by line number" if repeats else ""
    words += ", but for their times" if any(piece.but_times for piece in repeats) else ""
    words += "; terminal control codes removed" if screen.colours else ""
    words += "; lines redrawn in place shown in their last state" if screen.redrawn else ""
    words += "; CRLF line ends written as LF" if screen.line_ends else ""
    return marks.mark(words)


def _lines(start: int, stop: int) -> str:
    return f"line {stop}" if stop - start == 1 else f"lines {start + 1}-{stop}"


def read(text: str) -> tuple[list[Piece], list[str], bool] | None:
    """The pieces of an output, its body's lines, and whether it is lossless; None where `text` is no output of ours.

    Positions of `Lines` are the source's; their texts follow one another in the body, marks left aside.
    """
    first, _, rest = text.partition("\n")
    heading = _HEAD.match(first)
    if heading is None or not rest:
        return None
    body = rest.removesuffix("\n").split("\n")
    total, gap_count = int(heading.group(1)), int(heading.group(4) or 0)
    found: list[Piece] = []
    position = listed = 0
    for line in body:
        places = _PLACES.match(line)
        if places is not None:
            if int(places[2]) > position:
                return None
            listed += int(places[1])
            continue
        piece = _piece(line, position) if line.startswith(marks.PREFIX) else Lines(position, position + 1)
        if piece is None:
            return None
        found.append(piece)
        position = piece.stop
    gaps = [piece for piece in found if isinstance(piece, Gap)]
    left_out = sum(gap.stop - gap.start for gap in gaps)
    shown = total - left_out
    if position != total or len(gaps) != gap_count or sum(map(_listed, body)) != listed:
        return None
    if gaps and (int(heading.group(2)) != shown or int(heading.group(3)) != left_out):
        return None
    resolved = any(words in first for words in ("; terminal control", "; lines redrawn", "; CRLF line ends"))
    if bool(heading["but_times"]) != any(isinstance(piece, Same | Each) and piece.but_times for piece in found):
        return None
    return found, body, not gaps and not resolved and not heading["but_times"]


def _listed(line: str) -> int:
    """How many lines a mark of a gap says are listed."""
    match = _GAP.match(line) if line.endswith(" listed]") or " listed, " in line else None
    counts = match[3].split(", ") if match is not None and match[3] else ()
    return sum(int(item.split(" ")[0]) for item in counts if item.endswith(" listed"))


def _piece(line: str, position: int) -> Piece | None:
    """The piece that a mark speaks of, if it fits after `position` lines."""
    match = _GAP.match(line)
    if match is not None:
        start, stop = int(match.group(1)) - 1, int(match.group(2) or match.group(1))
        classes = match.group(3).split(", ") if match.group(3) else ()
        counted = sum(int(item.split(" ", 1)[0]) for item in classes) if classes else stop - start
        return Gap(start, stop) if start == position < stop and counted == stop - start else None
    match = _EACH.match(line)
    if match is not None:
        start, stop, source = (int(group) for group in match.groups()[:3])
        fits = start - 1 == position < stop and source == position > 0
        return Each(start - 1, stop, match.group(4) is not None) if fits else None
    match = _SAME.match(line)
    if match is None:
        return None
    start, stop = int(match.group(1)) - 1, int(match.group(2) or match.group(1))
    source, until = int(match.group(3)) - 1, int(match.group(4) or match.group(3))
    fits = start == position < stop and until - source == stop - start and until <= start
    return Same(start, stop, source, match.group(5) is not None) if fits else None


def expanded(found: Sequence[Piece], body: Sequence[str]) -> Iterator[str]:
    """The source's lines of a lossless output."""
    source: list[str] = []
    for piece, line in zip(found, body, strict=True):
        match piece:
            case Same(start, stop, earlier):
                source += source[earlier : earlier + stop - start]
            case Each(start, stop):
                source += [source[-1]] * (stop - start)
            case _:
                source.append(line)
    return iter(source)
