"""Sessions: a log of several commands, divided by a shell's trace (`set -x`) or by a CI system's groups.

A harness prints all that it does to come to the one command whose output matters: it activates environments, installs
packages, shows what was changed. Of a command whose output holds no error the beginning and the end say that it ran and
how it ended; lines between them that are like no other are no reason to show them. The patches that `git` prints on
the way are named file by file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from narrows.compressors.log.classes import Tone
from narrows.compressors.log.evidence import TRACE_OF_GIT

FEWEST_COMMANDS = 3
"""With so many commands a log is a session."""
FIRST_LINES = 2
LAST_LINES = 3
"""So many lines of a command without errors are shown where nothing else calls for them; the command is the first."""
LONGEST_IN_FULL = 12
"""A command that printed no more lines than this is shown as any other lines are."""
LONGEST_PATCH = 20
"""A longer output of git is named file by file."""
LONGEST_MESSAGE = 12

_COMMANDS = (
    "cd git pip pip3 source export unset conda make cmake ctest npm npx yarn pnpm node bash sh echo printf set pytest "
    "tox nox cargo go mvn gradle apt apt-get docker mkdir rm cp mv ls cat sed test true env sudo uv eval exit hash "
    "local case for while if return curl wget tar unzip ln chmod touch pwd which"
)
_COMMAND = re.compile(
    rf"\+ (?:\S*/\S|(?:[A-Z_]+=\S*|[\w.]*python[\d.]*|\.|\[\[?|:|{_COMMANDS.replace(' ', '|')})(?: |$))"
    r"|(?:##\[|::)group(?:\]|::)|\$ [\w./~]|section_start:"
)
"""A command where a session says what it runs. A word alone after a plus might be a patch's or a comparison's."""
_FIRST_CHARACTERS = frozenset("+#:$s")
_OF_PATCH = re.compile(
    r"[ +\-\\]|$|@@ |(?:index|similarity index|dissimilarity index|rename|copy|old mode|new mode|new file mode"
    r"|deleted file mode|Binary files|GIT binary patch|literal|delta)(?: |$)|[A-Za-z][!-~]{5,65}$"
)
"""A line below `diff --git`: a header, a hunk's, or binary data's."""
_NESTED = re.compile(r"\+{2,} ")
_CONTINUED = re.compile(r"(?:export |unset )?\w+=|\S*'\\''")


@dataclass(frozen=True, slots=True)
class Session:
    """`calm`: lines of commands without errors that nothing but their rarity would show. `hidden`: parts of patches."""

    calm: Collection[int]
    hidden: Sequence[tuple[int, int]]


def session(lines: Sequence[str], keys: Sequence[str], tones: Sequence[Tone], counts: Iterable[str]) -> Session:
    """What a session's commands need not show; no more than the deeper levels of a trace, where the log is none.
    `counts`: all keys, each once."""
    commands = {key for key in counts if key[:1] in _FIRST_CHARACTERS and _COMMAND.match(key) is not None}
    starts = [number for number, key in enumerate(keys) if key in commands] if commands else []
    nested = [*_nested(keys)] if starts else []
    if len(starts) < FEWEST_COMMANDS:
        return Session(nested, ())
    calm = {*nested}
    hidden: list[tuple[int, int]] = []
    for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True):
        patches = [*_patches(lines, start, stop)] if TRACE_OF_GIT.match(lines[start]) is not None else []
        if patches:
            hidden += patches if stop - start > LONGEST_PATCH else ()
        elif stop - start > LONGEST_IN_FULL and max(tones[start:stop]) < Tone.ERROR:
            calm.update(range(start + FIRST_LINES, _last_lines(tones, start, stop)))
    return Session(calm, hidden)


def _nested(keys: Sequence[str]) -> Iterator[int]:
    """The lines of a shell's trace below its first level, and the further lines of what they quote."""
    nested = False
    for number, key in enumerate(keys):
        nested = _NESTED.match(key) is not None or (nested and _CONTINUED.match(key) is not None)
        if nested:
            yield number


def _last_lines(tones: Sequence[Tone], start: int, stop: int) -> int:
    """Where the last lines of a command begin, blank ones not counted."""
    left = LAST_LINES
    for number in range(stop - 1, start, -1):
        left -= tones[number] is not Tone.BLANK
        if not left:
            return number
    return start


def _patches(lines: Sequence[str], start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Each file's part of a patch without the line that names it; nothing where git printed none. What cannot be a
    patch's is none of it: the next command may have been cut out of the log."""
    files = [number for number in range(start, stop) if lines[number].startswith("diff --git ")]
    for this, following in zip(files, [*files[1:], stop], strict=False):
        part = range(this + 1, following)
        yield this + 1, next((number for number in part if _OF_PATCH.match(lines[number]) is None), following)
    if files and start + LONGEST_MESSAGE < files[0]:
        yield start + LONGEST_MESSAGE, files[0]
