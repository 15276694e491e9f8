"""Reading git's and GNU diff's unified output, every line of it.

The counts of a hunk header decide where the hunk ends, never the look of a line: `--- a/x` may be a removed line that
reads `-- a/x`. A hunk whose counts do not fit means that the text is no diff we understand, unless the text simply
ends there. Documents followed: git-diff's "Generating patch text" and "Combined diff format", and "Detailed Description
of Unified Format" in GNU diffutils.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from narrows.compressors.diff.patch import HUNK_HEADER, Between, BinaryData, FileDiff, Hunk, Patch, Verbatim

_DIFF_LINE = re.compile(r"diff (?:--git|--cc|--combined|-[\w-]|\S+ \S)")
_EXTENDED = re.compile(
    r"(?:old mode|new mode|deleted file mode|new file mode|copy from|copy to|rename from|rename to|similarity index"
    r"|dissimilarity index|index|mode) .*"
)
_COMBINED_HEADER = re.compile(
    r"(@@@+)((?: -[0-9]{1,10}(?:,[0-9]{1,10})?)+) \+([0-9]{1,10})(?:,([0-9]{1,10}))? (@@@+).*"
)
_BINARY_NOTICE = re.compile(r"Binary files .+ differ\r?$")
_BINARY_SIZE = re.compile(r"(?:literal|delta) [0-9]+\r?$")
_BINARY_DATA = re.compile(r"[A-Za-z][0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~-]+\r?$")
_COMMIT = re.compile(r"(?:commit|tag) [\w./-]+|From [0-9a-f]{40,64} ")
_MAIL = re.compile(r"From [0-9a-f]{40,64} ")
_COMMIT_LINE = re.compile(
    r"(?:Merge|Author|AuthorDate|Commit|CommitDate|Date|Tagger|TaggerDate|Reflog|Reflog message|Notes(?: \(.*\))?):"
    r"|    |\s*$"
)
_STRANGE = re.compile(r"[^ +\-\\]")
_LOOSE = re.compile(
    r"\s*$|---\r?$"
    r"|Only in .+: .+|Files (?>.+? and ).+ differ|Binary files .+ differ"
    r"|File (?>.+? is a )(?>.+? while file )(?>.+? is a ).+"
    r"|Submodule .+:?$|  [<>] .+|\* Unmerged path .+|warning: .+"
    r"| .+ \|\s+(?:Bin|[0-9]).*| [0-9]+ files? changed.*| (?:create|delete) mode [0-9]+ .+| mode change .+"
    r"| (?:rename|copy) .+ \([0-9]+%\)|-- \r?$|[0-9]+\.[0-9]+\.[0-9][\w. ()-]*$"
)
"""Words between names are taken at their first place and for good: trying their later ones, which can prove no more,
takes the square of a line's length."""


def parse(text: str) -> Patch | None:
    """The diff in `text`; None where a hunk or a file header does not fit the format."""
    lines = text.split("\n")
    ends_with_newline = len(lines) > 1 and lines[-1] == ""
    if ends_with_newline:
        lines.pop()
    try:
        reader = _Reader(lines, "".join([line[0] if line else " " for line in lines]))
        reader.read()
    except _Misfit:
        return None
    return Patch(reader.parts, reader.truncated, ends_with_newline)


class _Misfit(Exception):
    """The text is no diff of these formats."""


@dataclass(slots=True)
class _Reader:
    lines: list[str]
    firsts: str
    """The first character of every line, a blank for an empty one: counting in it is a hundred times cheaper than
    looking at lines."""
    parts: list[FileDiff | Between] = field(default_factory=list)
    truncated: bool = False
    _at: int = 0

    def read(self) -> None:
        between: list[str] = []
        unexplained = 0
        in_commit = in_mail = False
        while self._at < len(self.lines):
            if self._starts_file():
                self._flush(between, unexplained)
                between, unexplained, in_mail = [], 0, False
                self._file()
                continue
            line = self.lines[self._at]
            if line.startswith("@@") and HUNK_HEADER.fullmatch(line):
                raise _Misfit  # what follows could be read as its lines
            if _COMMIT.match(line):
                in_commit, in_mail = True, _MAIL.match(line) is not None
            elif not (in_mail or (in_commit and _COMMIT_LINE.match(line)) or _LOOSE.match(line)):
                unexplained += 1
            between.append(line)
            self._at += 1
        self._flush(between, unexplained)

    def _flush(self, between: list[str], unexplained: int) -> None:
        if between:
            self.parts.append(Between(between, unexplained))

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self.lines[at] if at < len(self.lines) else ""

    def _starts_file(self) -> bool:
        line = self._peek()
        if line.startswith("diff "):
            return _DIFF_LINE.match(line) is not None
        return line.startswith("--- ") and self._names_follow(0) and self._peek(2).startswith("@@ -")

    def _names_follow(self, ahead: int) -> bool:
        return self._peek(ahead).startswith("--- ") and self._peek(ahead + 1).startswith("+++ ")

    def _file(self) -> None:
        header: list[str] = []
        if self._peek().startswith("diff "):
            header.append(self._take())
            while _EXTENDED.match(self._peek()):
                header.append(self._take())
        if self._names_follow(0):
            header += [self._take(), self._take()]
        found = FileDiff(header, [])
        self.parts.append(found)
        while not self.truncated and self._content(found):
            pass

    def _take(self) -> str:
        self._at += 1
        return self.lines[self._at - 1]

    def _content(self, found: FileDiff) -> bool:
        """Take the next piece of the file's content; False where there is none."""
        line = self._peek()
        if line.startswith("@@ "):
            self._hunk(found, line)
        elif line.startswith("@@@"):
            self._combined(found)
        elif not found.content and _BINARY_NOTICE.match(line):
            found.content.append(Verbatim([self._take()]))
        elif not found.content and line.rstrip("\r") == "GIT binary patch":
            found.header.append(self._take())
            self._binary(found)
        else:
            return False
        return True

    def _binary(self, found: FileDiff) -> None:
        """One or two parts, each ended by an empty line."""
        while _BINARY_SIZE.match(self._peek()):
            size_line = self._take()
            start = self._at
            while _BINARY_DATA.match(self._peek()):
                self._at += 1
            found.content.append(BinaryData(size_line, self.lines[start : self._at]))
            if self._peek().rstrip("\r") == "" and self._at < len(self.lines):
                found.content.append(Verbatim([self._take()]))

    def _hunk(self, found: FileDiff, line: str) -> None:
        header = HUNK_HEADER.fullmatch(line)
        if header is None:
            raise _Misfit
        old, old_count, new, new_count, heading, end = header.groups()
        olds, news = int(old_count or 1), int(new_count or 1)
        start = self._at + 1
        stop = self._end_of_hunk(start, olds, news)
        if stop < 0:
            self._give_up_rest()
            return
        old_start, new_start = int(old) + (olds == 0), int(new) + (news == 0)
        body, firsts = self.lines[start:stop], self.firsts[start:stop]
        found.content.append(Hunk(line, old_start, new_start, heading, end, body, firsts))
        self._at = stop

    def _end_of_hunk(self, start: int, olds: int, news: int) -> int:
        """Where the hunk that starts at `start` ends by its counts; -1 where the text ends before. Mostly it ends
        before the next line that no hunk holds; where it does not, the counts lead there step by step."""
        lines, firsts = self.lines, self.firsts
        after = _STRANGE.search(firsts, start)
        stop = after.start() if after else len(firsts)
        whole = stop - start - firsts.count("\\", start, stop)
        fits = whole == olds + firsts.count("+", start, stop) == news + firsts.count("-", start, stop)
        if fits and firsts[stop - 1] != "\\":
            return stop
        stop, missing = start, max(olds, news)
        while missing > 0:
            at, stop = stop, stop + missing  # no line counts twice on a side, so the end is not before
            if _STRANGE.search(firsts, at, stop) and not all(line[1:] == "" for line in self._odd(at, stop)):
                raise _Misfit
            if stop > len(lines):
                return -1
            whole = stop - at - firsts.count("\\", at, stop)
            olds -= whole - firsts.count("+", at, stop)
            news -= whole - firsts.count("-", at, stop)
            missing = max(olds, news)
        if olds < 0 or news < 0:
            raise _Misfit
        return stop + (firsts.startswith("\\", stop) and lines[stop].startswith("\\ "))

    def _odd(self, start: int, stop: int) -> list[str]:
        """The lines that begin with none of a hunk's characters. An empty context line may have lost its blank."""
        found = _STRANGE.finditer(self.firsts, start, stop)
        return [self.lines[place.start()] if place[0] == "\r" else "no line of a hunk" for place in found]

    def _combined(self, found: FileDiff) -> None:
        header = _COMBINED_HEADER.fullmatch(self._peek())
        if header is None or header[1] != header[5]:
            raise _Misfit
        olds = [int(ranged.partition(",")[2] or 1) for ranged in header[2].split()]
        if len(olds) != len(header[1]) - 1:
            raise _Misfit
        stop = self._end_of_combined(self._at + 1, olds, int(header[4] or 1))
        if stop < 0:
            self._give_up_rest()
            return
        found.content.append(Verbatim(self.lines[self._at : stop]))
        self._at = stop

    def _end_of_combined(self, at: int, olds: list[int], news: int) -> int:
        parents = len(olds)
        while any(olds) or news:
            if at == len(self.lines):
                return -1
            line = self.lines[at]
            at += 1
            if line.startswith("\\ "):
                continue
            signs = line[:parents].rstrip("\r").ljust(parents)
            if set(signs) - set(" +-"):
                raise _Misfit
            removed = "-" in signs
            news -= not removed
            olds = [count - (sign == ("-" if removed else " ")) for count, sign in zip(olds, signs, strict=True)]
            if news < 0 or min(olds) < 0:
                raise _Misfit
        return at + (at < len(self.lines) and self.lines[at].startswith("\\ "))

    def _give_up_rest(self) -> None:
        """The text ends inside a hunk: its lines stay as they are."""
        self.truncated = True
        self.parts.append(Between(self.lines[self._at :], 1))
        self._at = len(self.lines)
