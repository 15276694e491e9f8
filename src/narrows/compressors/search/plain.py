"""The plain layout: every line is `path:number:text`.

Where a path ends is not written down: `a:1:b.txt:2:x` is line 1 of `a` or line 2 of `a:1:b.txt`. The leftmost reading
is taken when the rest could not be a path, or when the file's numbers rise over several lines, which the other reading
would need several such paths for. Otherwise the lines are kept as they were.

Nearly all paths hold no colon, and a file's lines stand together: one pattern reads a whole file's run of lines at
once. Lines that it does not explain are read one by one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

from narrows.compressors.search.paths import has_file_name, is_path
from narrows.compressors.search.results import AsTheyWere, Block, Group, numbers

_RUN = re.compile(r"([^\x00-\x1f\x7f:]+):([1-9][0-9]{0,9}:[^\n]*(?:\n\1:[1-9][0-9]{0,9}:[^\n]*)*)")
_LINE = re.compile(r"([^\x00-\x1f\x7f]+?):([0-9]+):")
_COLON_NUMBER = re.compile(r":(?=[0-9]{1,10}:)")
_EITHER_NUMBER = re.compile(r"([:-])(?=[0-9]{1,10}\1)")
_ONLY_NUMBERS = re.compile(r"[0-9:]*")
_CODE = re.compile(r"""[\s"'()\[\]{}=<>,;#|*?]""")
_MATCH_ENTRY = re.compile(r"[1-9][0-9]{0,9}:")
_MAX_AMBIGUITY_CHARACTERS = 512


def begins(text: str) -> bool:
    """Whether the first line looks plain."""
    return _RUN.match(text) is not None


def read(body: str) -> Plain:
    """The lines of `body`, whose last one has no line end."""
    found = Plain()
    found.read(body)
    return found


def read_alone(line: str) -> Block:
    """A line that stands alone between others with context: its path could also end before a number between dashes."""
    found = _LINE.match(line)
    if found is None or _could_end_later(found[1], line[found.end() :], _EITHER_NUMBER):
        return AsTheyWere([line])
    return read(line).blocks[0]


@dataclass(slots=True)
class Plain:
    """What was read. `doubtful_lines` were given up because their path could have ended elsewhere."""

    blocks: list[Block] = field(default_factory=list)
    doubtful_lines: int = 0
    _path: str = ""
    _prefix: str = ""
    _entries: list[str] = field(default_factory=list)
    _doubtful: bool = False
    _judged: dict[str, bool] = field(default_factory=dict)

    def read(self, body: str) -> None:
        """Take every line; the blocks are complete afterwards."""
        at = 0
        while at <= len(body):
            run = _RUN.match(body, at)
            if run is None:
                stop = body.find("\n", at)
                stop = len(body) if stop < 0 else stop
                self._line(body[at:stop])
            else:
                self._finish()
                self._run(run)
                stop = run.end()
            at = stop + 1
        self._finish()

    def leftover(self) -> list[str]:
        """The lines in no group so far."""
        return [line for block in self.blocks if isinstance(block, AsTheyWere) for line in block.lines]

    def _run(self, run: re.Match[str]) -> None:
        """A file's lines at once; its path holds no colon, so only what follows the numbers can be doubtful."""
        if not self._is_path(run[1]):
            self.blocks.append(AsTheyWere(run[0].split("\n")))
            return
        self._path, self._entries = run[1], run[2].split(f"\n{run[1]}:")
        if len(_COLON_NUMBER.findall(run[2])) >= len(self._entries):
            texts = (entry.partition(":")[2] for entry in self._entries)
            self._doubtful = any(_could_end_later(self._path, text) for text in texts)
        self._finish()

    def _line(self, line: str) -> None:
        if self._prefix and line.startswith(self._prefix):
            number = _MATCH_ENTRY.match(line, len(self._prefix))
            if number is not None:
                self._entries.append(line[len(self._prefix) :])
                self._doubtful = self._doubtful or _could_end_later(self._path, line[number.end() :])
                return
        self._finish()
        found = _LINE.match(line)
        if found is None or found[2][0] == "0" or len(found[2]) > 10 or not self._is_path(found[1]):
            self.blocks.append(AsTheyWere([line]))
            return
        self._path, self._prefix = found[1], f"{found[1]}:"
        self._entries = [line[found.end(1) + 1 :]]
        self._doubtful = _could_end_later(self._path, line[found.end() :])

    def _is_path(self, path: str) -> bool:
        if path not in self._judged:
            self._judged[path] = is_path(path)
        return self._judged[path]

    def _finish(self) -> None:
        """Close the current group; a doubtful one must prove itself by rising numbers."""
        if self._entries:
            group = Group(self._path, self._entries)
            if self._doubtful and not _rises(numbers(group)):
                self.doubtful_lines += len(group.entries)
                self.blocks.append(AsTheyWere([f"{group.path}:{entry}" for entry in group.entries]))
            else:
                self.blocks.append(group)
        self._path, self._prefix, self._entries, self._doubtful = "", "", [], False


def _could_end_later(path: str, text: str, number: re.Pattern[str] = _COLON_NUMBER) -> bool:
    """Whether `path:N:` and the beginning of `text`, up to a later `number`, could together be a longer path."""
    for later in number.finditer(text, 0, _MAX_AMBIGUITY_CHARACTERS):
        between = text[: later.start()]
        if _ONLY_NUMBERS.fullmatch(between) is None:
            return not has_file_name(path) or _CODE.search(between) is None
    return False


def _rises(found: list[int]) -> bool:
    return len(found) > 1 and all(first < second for first, second in pairwise(found))
