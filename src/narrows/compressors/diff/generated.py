"""Which files no person reads a diff of: lock files, minified and generated ones. And what changed in a line that is
too long to read, where that is one place of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from json import dumps

from narrows.compressors.diff.patch import FileDiff

MIN_CHARACTERS = 2_000
"""A smaller change of such a file is shown: it may be what was asked for."""

MINIFIED_LINE_CHARACTERS = 2_000

_MAX_PLACE_CHARACTERS = 200
_MAX_WORD_CHARACTERS = 40
_WORD_BEFORE = re.compile(rf"\w{{0,{_MAX_WORD_CHARACTERS}}}\Z")
_WORD_AFTER = re.compile(rf"\w{{0,{_MAX_WORD_CHARACTERS}}}")

_LOCK_FILES = frozenset(
    "package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock deno.lock Cargo.lock poetry.lock "  # noqa: SIM905 -- one word list
    "Pipfile.lock uv.lock pdm.lock composer.lock Gemfile.lock go.sum mix.lock flake.lock Podfile.lock "
    "packages.lock.json gradle.lockfile pubspec.lock Package.resolved Cartfile.resolved".split()
)
_VENDORED = re.compile(r"(?:^|/)node_modules/", re.IGNORECASE)
_GENERATED = re.compile(
    r"""[._](?:(?<=\.)min\.(?:js|mjs|cjs|css) | (?<=\.)(?:js|mjs|css)\.map | (?<=_)pb2(?:_grpc)?\.pyi?
      | (?<=\.)(?:pb\.(?:go|cc|h) | g\.dart | designer\.cs | generated\.\w+))"?$""",
    re.VERBOSE | re.IGNORECASE,
)


def sort_of(file: FileDiff) -> str:
    """`lock file`, `generated file` or `minified lines` where the file's hunks may be left out; else nothing."""
    path = file.path
    if path.rpartition("/")[2].removesuffix('"') in _LOCK_FILES:
        sort = "lock file"
    elif _VENDORED.search(path) or _GENERATED.search(path):
        sort = "generated file"
    elif is_minified(file):
        sort = "minified lines"
    else:
        return ""
    return sort if sum(len(line) for hunk in file.hunks for line in hunk.body) >= MIN_CHARACTERS else ""


def is_minified(file: FileDiff) -> bool:
    """Whether every changed line is too long to read."""
    changed = (line for hunk in file.hunks for line in hunk.body if line[:1] in ("+", "-"))
    return bool(file.hunks) and all(len(line) > MINIFIED_LINE_CHARACTERS for line in changed)


@dataclass(frozen=True, slots=True)
class Place:
    """The only place in which a removed line differs from the added one: the text there, before and after, widened to
    whole words. `line` is the line's number in the old file, `character` the place's first one; both count from 1."""

    line: int
    character: int
    old: str
    new: str

    def words(self) -> str:
        """What a mark says of it."""
        old, new = (dumps(text, ensure_ascii=False) for text in (self.old, self.new))
        return f"in line {self.line} from character {self.character} on {old} became {new}"


def only_place(file: FileDiff) -> Place | None:
    """Where the one line that the file diff changes is changed; None where it changes more, or too much of it."""
    if len(file.content) != 1 or len(file.hunks) != 1:
        return None
    hunk = file.hunks[0]
    if hunk.firsts.strip() not in ("-+", "-\\+\\"):
        return None
    at = hunk.firsts.index("-")
    old, new = hunk.body[at][1:], hunk.body[hunk.firsts.index("+")][1:]
    start = _shared(old, new)
    end = min(_shared(old[::-1], new[::-1]), len(old) - start, len(new) - start)
    before = _WORD_BEFORE.search(old, max(0, start - _MAX_WORD_CHARACTERS), start)
    after = _WORD_AFTER.match(old, len(old) - end)
    start -= len(before[0]) if before else 0
    end -= len(after[0]) if after else 0
    place = Place(hunk.old_start + at, start + 1, old[start : len(old) - end], new[start : len(new) - end])
    short = max(len(place.old), len(place.new)) <= _MAX_PLACE_CHARACTERS
    return place if short and place.old != place.new else None


def _shared(first: str, second: str) -> int:
    """How many characters both begin with, by halving: comparing slices is much cheaper than comparing characters."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
