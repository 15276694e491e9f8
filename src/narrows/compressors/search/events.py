"""The events of `rg --json`, grouped by file: the same results as text, with what else the events hold.

    [narrows: rg --json results grouped by file: 1 match line, 1 context line in 1 file; each line is number@byte
    offset[byte span of each match]:text, context with - for :; lossless: nothing left out]

    src/a.py
    16@310-def where():
    17@323[4-13]:    os.getcwd()
    end: 1250 bytes searched in 54100 ns, 310 printed

A `begin` event is the blank line and the path; the text of a match is the span of the line's text; the counts of an
`end` event are those of the entries above it. An event that this would not give back to the byte is written as it was:
so the form decodes to the source, and nothing is assumed of another tool, or another version, that writes its events
otherwise. At the balanced level long lines are left out of a large result, and counted below their file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from json import dumps, loads

from narrows.compressors import marks
from narrows.compressors.search.grouped import as_they_were, counted, read_as_they_were
from narrows.compressors.search.results import AsTheyWere, split_lines
from narrows.compressors.search.trimmed import ENOUGH_WITH_LONG_LINES, LONG_CHARACTERS

_MAX_OTHER_SHARE = 0.2
_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_BEGIN_EVENT = re.compile(rf'\{{"type":"begin","data":\{{"path":\{{"text":({_STRING})\}}\}}\}}')
_ROW_EVENT = re.compile(
    rf'\{{"type":"(?P<type>match|context)","data":\{{"path":\{{"text":(?P<path>{_STRING})\}},'
    rf'"lines":\{{"text":(?P<text>{_STRING})\}},"line_number":(?P<number>[0-9]+),"absolute_offset":(?P<offset>[0-9]+),'
    r'"submatches":\[(?P<matches>.*)\]\}\}'
)
_SPAN = re.compile(r'\},"start":([0-9]+),"end":([0-9]+)\}')
_END_EVENT = re.compile(
    rf'\{{"type":"end","data":\{{"path":\{{"text":(?P<path>{_STRING})\}},"binary_offset":null,"stats":\{{'
    r'"elapsed":\{"secs":(?P<secs>[0-9]{1,9}),"nanos":(?P<nanos>[0-9]{1,9}),.*'
    r'"bytes_searched":(?P<searched>[0-9]+),"bytes_printed":(?P<printed>[0-9]+),.*'
)

_WORDS = "each line is number@byte offset[byte span of each match]:text, context with - for :"
_LONG = rf"[0-9]+ lines? over {LONG_CHARACTERS} characters"
_TALLY = r"[0-9]+ match lines?(?:, [0-9]+ context lines?)? in [0-9]+ files?"
_HEAD = re.compile(
    rf"\[narrows: rg --json results grouped by file: (?P<tally>{_TALLY}); {re.escape(_WORDS)}; "
    rf"(?:(?P<lossless>lossless: nothing left out)|left out under each file: {_LONG})\]"
)
_LEFT_OUT = re.compile(rf"\[narrows: left out here: {_LONG} at [0-9, ]+\]")
_ENTRY = re.compile(
    r"(?P<number>[0-9]+)@(?P<offset>[0-9]+)(?:\[(?P<spans>[0-9]+-[0-9]+(?:,[0-9]+-[0-9]+)*)\])?(?P<sort>[:-])(?P<text>.*)",
    re.DOTALL,
)
_END = re.compile(r"end: ([0-9]+) bytes searched in ([0-9]{1,18}) ns, ([0-9]+) printed")


@dataclass(slots=True)
class _File:
    """What is known of the file whose events are being read: the counts of its `end` event, and its long lines."""

    path: str
    lines: int = 0
    matches: int = 0
    long: list[str] = field(default_factory=list)

    def row_event(self, entry: re.Match[str]) -> str | None:
        """The event that an entry stands for; None where its spans are none of the text's."""
        text = entry["text"] + "\n"
        encoded = text.encode()
        found: list[str] = []
        for span in entry["spans"].split(",") if entry["spans"] else ():
            start, stop = map(int, span.split("-"))
            try:
                match = _string(encoded[start:stop].decode())
            except UnicodeDecodeError:
                return None
            found.append(f'{{"match":{{"text":{match}}},"start":{start},"end":{stop}}}')
        sort = "match" if entry["sort"] == ":" else "context"
        return (
            f'{{"type":"{sort}","data":{{"path":{{"text":{_string(self.path)}}},"lines":{{"text":{_string(text)}}},'
            f'"line_number":{entry["number"]},"absolute_offset":{entry["offset"]},"submatches":[{",".join(found)}]}}}}'
        )

    def count(self, entry: re.Match[str]) -> None:
        """Take an entry into the counts."""
        if entry["sort"] == ":":
            self.lines += 1
            self.matches += entry["spans"].count("-") if entry["spans"] else 0

    def end_event(self, searched: str, nanos: int, printed: str) -> str:
        """The event that closes the file."""
        secs, rest = divmod(nanos, 1_000_000_000)
        return (
            f'{{"type":"end","data":{{"path":{{"text":{_string(self.path)}}},"binary_offset":null,"stats":{{"elapsed":'
            f'{{"secs":{secs},"nanos":{rest},"human":"{secs + rest / 1e9:.6f}s"}},"searches":1,"searches_with_match":'
            f'{int(self.lines > 0)},"bytes_searched":{searched},"bytes_printed":{printed},"matched_lines":{self.lines},'
            f'"matches":{self.matches}}}}}}}'
        )


def _begin_event(path: str) -> str:
    return f'{{"type":"begin","data":{{"path":{{"text":{_string(path)}}}}}}}'


def _string(text: str) -> str:
    return dumps(text, ensure_ascii=False)


def _loaded(literal: str) -> str:
    """The text of a JSON string; nothing where it is none."""
    try:
        return str(loads(literal))
    except ValueError:
        return ""


def are_events(text: str) -> bool:
    """Whether the text begins as `rg --json` writes: a `begin` event, then a line of that file."""
    if not text.startswith('{"type":"begin",'):
        return False
    writer = _Writer()
    lines = text.split("\n", 2)[:2]
    for line in lines:
        writer.take(line)
    return len(lines) == 2 and writer.rows == 1


@dataclass(slots=True)
class _Writer:
    """Writes the body, event by event. `leave_out_long`: long lines are only counted."""

    leave_out_long: bool = False
    body: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    file: _File | None = None
    files: set[str] = field(default_factory=set)
    rows: int = 0
    context: int = 0
    other_lines: int = 0
    long: int = 0

    def take(self, line: str) -> None:
        """Write one line of the source, or put it by as one that is no event."""
        if not (self._begin(line) or (self.file and (self._row(line, self.file) or self._end(line, self.file)))):
            self.others.append(line)
            self.other_lines += 1

    def finish(self) -> None:
        """Write what was put by, and what the last file lost."""
        self._flush()
        self._close()

    def tally(self) -> str:
        context = f", {counted(self.context, 'context line')}" if self.context else ""
        return f"{counted(self.rows - self.context, 'match line')}{context} in {counted(len(self.files), 'file')}"

    def _begin(self, line: str) -> bool:
        found = _BEGIN_EVENT.fullmatch(line)
        path = _loaded(found[1]) if found else ""
        if not path or "\n" in path or _begin_event(path) != line:
            return False
        self._flush()
        self._close()
        self.file = _File(path)
        self.files.add(path)
        self.body += ["", path]
        return True

    def _row(self, line: str, file: _File) -> bool:
        found = _ROW_EVENT.fullmatch(line)
        if found is None:
            return False
        text = _loaded(found["text"])
        spans = ",".join(f"{start}-{stop}" for start, stop in _SPAN.findall(found["matches"]))
        sort = ":" if found["type"] == "match" else "-"
        entry = f"{found['number']}@{found['offset']}{f'[{spans}]' if spans else ''}{sort}{text[:-1]}"
        read = _ENTRY.fullmatch(entry)
        if read is None or "\n" in entry or file.row_event(read) != line:
            return False
        self._flush()
        file.count(read)
        self.rows += 1
        self.context += sort == "-"
        if self.leave_out_long and len(text) > LONG_CHARACTERS:
            file.long.append(found["number"])
        else:
            self.body.append(entry)
        return True

    def _end(self, line: str, file: _File) -> bool:
        found = _END_EVENT.fullmatch(line)
        nanos = int(found["secs"]) * 1_000_000_000 + int(found["nanos"]) if found else 0
        if found is None or file.end_event(found["searched"], nanos, found["printed"]) != line:
            return False
        self._flush()
        self.body.append(f"end: {found['searched']} bytes searched in {nanos} ns, {found['printed']} printed")
        return True

    def _flush(self) -> None:
        if self.others:
            self.body += as_they_were(AsTheyWere(self.others))
            self.others = []

    def _close(self) -> None:
        if self.file and self.file.long:
            self.long += len(self.file.long)
            self.body.append(marks.mark(f"left out here: {_long(len(self.file.long))} at {', '.join(self.file.long)}"))


def _long(number: int) -> str:
    return f"{counted(number, 'line')} over {LONG_CHARACTERS} characters"


def encode(text: str, *, may_leave_out: bool) -> tuple[str, str, bool] | None:
    """The form, in a few words what it holds, and whether it is lossless; None where too little of it is events."""
    writer = _written(text, leave_out_long=False)
    if writer.other_lines > _MAX_OTHER_SHARE * (writer.rows + writer.other_lines):
        return None
    if may_leave_out and sum(map(len, writer.body)) > ENOUGH_WITH_LONG_LINES:
        writer = _written(text, leave_out_long=True)
    said = f"left out under each file: {_long(writer.long)}" if writer.long else "lossless: nothing left out"
    head = marks.mark(f"rg --json results grouped by file: {writer.tally()}; {_WORDS}; {said}")
    end = "\n" if split_lines(text)[1] else ""
    return "\n".join([head, *writer.body]) + end, f"rg --json, {writer.tally()}; {said}", not writer.long


def _written(text: str, *, leave_out_long: bool) -> _Writer:
    writer = _Writer(leave_out_long)
    for line in split_lines(text)[0]:
        writer.take(line)
    writer.finish()
    return writer


def is_output(text: str) -> bool:
    """Whether `text` parses in full as what `encode` writes."""
    return _read(text) is not None


def decode(text: str) -> str | None:
    """The source of a lossless form; None for anything else, also where the head line's figures are not those of the
    lines below it."""
    lines, ends_with_newline = split_lines(text)
    head = _HEAD.fullmatch(lines[0])
    source = _read(text) if head is not None and head["lossless"] else None
    if head is None or source is None:
        return None
    decoded = "\n".join(source)
    if _written(decoded, leave_out_long=False).tally() != head["tally"]:
        return None
    return decoded + ("\n" if ends_with_newline else "")


def _read(text: str) -> list[str] | None:
    """The events that the lines of an output stand for; None where one fits no rule."""
    lines = split_lines(text)[0]
    head = _HEAD.fullmatch(lines[0])
    if head is None:
        return None
    source: list[str] = []
    file: _File | None = None
    i = 1
    while i < len(lines):
        others = read_as_they_were(lines, i)
        if others is not None:
            source += others.lines
            i += 1 + len(others.lines)
        elif lines[i] == "" and i + 1 < len(lines):
            file = _File(lines[i + 1])
            source.append(_begin_event(file.path))
            i += 2
        elif head["lossless"] is None and _LEFT_OUT.fullmatch(lines[i]):
            i += 1
        else:
            event = _event(lines[i], file) if file else None
            if event is None:
                return None
            source.append(event)
            i += 1
    return source


def _event(line: str, file: _File) -> str | None:
    entry, end = _ENTRY.fullmatch(line), _END.fullmatch(line)
    if entry is not None:
        file.count(entry)
        return file.row_event(entry)
    return None if end is None else file.end_event(end[1], int(end[2]), end[3])
