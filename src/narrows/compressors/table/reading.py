"""Tables found in text: the whole of it must be one, the header included.

Every reader refuses early, by the first lines, since every text is shown to it. What proves a table is its header, and
that every line holds as many cells: a rule of dashes below the names, or names that look like names above columns
that do not. Text without such a header is kept, however regular it is: search results, logs and prose are regular too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from operator import itemgetter

from narrows.compressors.table.layouts import SEPARATORS, Cells, Framed, Layout, Pad, Separated, Spaced, Table
from narrows.compressors.table.notation import split

MAX_COLUMNS = 256
MAX_WIDTH = 2_000
"""Characters of a line in a table that is set apart by position."""
MAX_AFTER = 4
"""Lines that may follow a framed table: its count, its time."""
LEAST_ROWS = 3
_PROBED_LINES = 6
_SAMPLED_ROWS = 60
_OVERLAID = 40
"""So many lines of text, one over the other, hardly leave a place blank."""
_SURE_ROWS = 20
"""So many rows of equal shape prove a table under names, even where no column is one of numbers."""

_NAME = re.compile(r"(?:[A-Za-z_#%]|\d+[A-Z]?-)[A-Za-z0-9_ .()%/#-]{0,60}(?<! )\Z")
_DIGIT, _LETTER = re.compile(r"\d"), re.compile(r"[^\W\d_]")
_CAPITALS = re.compile(r"[A-Z%#][A-Z0-9%#_()./-]*(?: [A-Z0-9%#_()./-]+)*\Z")
_FIGURE = re.compile(r"[-+]?[$]?\d[\d.,:eE+\-/TZ% ]*[A-Za-z%]{0,3}\Z|\Z")
_PSQL_RULE = re.compile(r"-{3,}(?:\+-{3,})*\Z")
_BOX_RULE = re.compile(r"\+(?:-{3,}\+)+\Z")
_MARKDOWN_RULE = re.compile(r"\|(?: ?:?-+:? ?\|)+\Z")
_DASHES = re.compile(r" *-+(?: +-+)+ *\Z")
_COUNT = re.compile(r"\(\d+ rows?\)\Z|\d+ rows? in set.*\Z|Time: [\d.]+ ms.*\Z|Empty set.*\Z|\Z")
_UNESCAPED_BAR = re.compile(r"(?<!\\)\|")


def could_be(text: str) -> bool:
    """A cheap look at the first lines: whether any reader would look further."""
    if len(text) < 2 or text[0] in "{[<":
        return False
    lines = text[: _PROBED_LINES * MAX_WIDTH].split("\n", _PROBED_LINES)
    lines = lines[: min(_PROBED_LINES, len(lines) - 1)]
    if len(lines) <= LEAST_ROWS:
        return False
    return any(len({line.count(sign) for line in lines}) == 1 and sign in lines[0] for sign in SEPARATORS) or (
        _framed_style(lines) != ""
        or _spaced_header(lines[0])
        or ("," in lines[0] and any('"' in line for line in lines))
    )


def read(text: str, *, cut: bool = False) -> Table | None:
    """The table that `text` is, apart from its last line end; None where it is none. `cut`: it is only the beginning of
    one, and a frame need not be closed."""
    if not could_be(text):
        return None
    lines = text.removesuffix("\n").split("\n")
    style = _framed_style(lines)
    if style == "markdown":
        return _markdown(lines)
    if style:
        return _framed([*lines, lines[0]] if cut and style == "box" else lines, style)
    return _separated(lines) or _spaced(lines)


# --- cells between separators -----------------------------------------------------------------------------------------


def _separated(lines: list[str]) -> Table | None:
    line_end = "\r" if lines[0].endswith("\r") else ""
    if line_end:
        if not all(line.endswith("\r") for line in lines):
            return None
        lines = [line[:-1] for line in lines]
    for separator in SEPARATORS:
        names = _fields(lines[0], separator)
        if names is None or not 2 <= len(names) <= MAX_COLUMNS or (separator == "," and len(names) < 3):
            continue
        probed = [_fields(line, separator) for line in lines[1:_PROBED_LINES]]
        if any(row is None or len(row) != len(names) for row in probed) or not _are_names(names):
            continue
        rows = [_fields(line, separator) for line in lines[1:]]
        found = [row for row in rows if row is not None and len(row) == len(names)]
        if len(found) == len(rows) and _headed(names, found):
            return Table(tuple(names), tuple(zip(*found, strict=True)), Separated(separator, line_end))
    return None


def _fields(line: str, separator: str) -> list[str] | None:
    return split(line) if separator == "," else line.split(separator)


def _are_names(names: Sequence[str]) -> bool:
    bare = [name[1:-1] if name[:1] == '"' == name[-1:] else name for name in names]
    return len(set(bare)) == len(bare) and all(map(_NAME.match, bare))


def _headed(names: Cells, rows: Sequence[Cells]) -> bool:
    """Whether the rows are unlike the names above them, or too many to be alike by chance."""
    if len(rows) < LEAST_ROWS:
        return False
    if len(rows) >= _SURE_ROWS and len(names) > 2:
        return True
    columns = zip(*rows[:_SAMPLED_ROWS], strict=True)
    return any(all(map(_FIGURE.match, column)) and any(column) for column in columns)


# --- cells in frames --------------------------------------------------------------------------------------------------


def _framed_style(lines: Sequence[str]) -> str:
    """By the rule: psql, box or markdown; none without one."""
    if _BOX_RULE.match(lines[0]):
        return "box"
    if _PSQL_RULE.match(lines[1]) and lines[0].startswith(" ") and "+" in lines[1]:
        return "psql"
    return "markdown" if lines[0].startswith("| ") and _MARKDOWN_RULE.match(lines[1]) else ""


def _framed(lines: list[str], style: str) -> Table | None:
    rule = lines[0] if style == "box" else f"+{lines[1]}+"
    places = [found.start() for found in re.finditer(r"\+", rule)]
    if style == "box":
        if len(lines) < 4 or lines[2] != rule or rule not in lines[3:]:
            return None
        stop = lines.index(rule, 3)
        header, body, rest = lines[1], lines[3:stop], lines[stop + 1 :]
    else:
        stop = next((i for i, line in enumerate(lines) if i > 1 and not line.startswith(" ")), len(lines))
        header, body, rest = f"|{lines[0]}|", lines[2:stop], lines[stop:]
        body = [f"|{line.ljust(len(rule) - 2)}|" for line in body]
    if len(rest) > MAX_AFTER or not all(map(_COUNT.match, rest)) or len(places) > MAX_COLUMNS:
        return None
    if len(body) < LEAST_ROWS:
        return None
    columns = _cut([header, *body], places)
    if columns is None:
        return None
    return _padded(columns, [0] * len(columns), lambda pads: Framed(style, pads), tuple(rest))


def _cut(lines: Sequence[str], places: Sequence[int]) -> list[Cells] | None:
    """The columns of padded cells between the bars at these places; None where a line has other bars, or no blanks
    beside them."""
    if any(len(line) != places[-1] + 1 for line in lines):
        return None
    blanks = [place + 1 for place in places[:-1]] + [place - 1 for place in places[1:]]
    signs, expected = itemgetter(*places, *blanks), ("|",) * len(places) + (" ",) * len(blanks)
    if any(signs(line) != expected for line in lines):
        return None
    return [[line[start + 2 : stop - 1] for line in lines] for start, stop in pairwise(places)]


def _markdown(lines: list[str]) -> Table | None:
    count = lines[1].count("|") - 1
    rows: list[list[str]] = []
    for line in (lines[0], *lines[2:]):
        cells = (_UNESCAPED_BAR.split(line) if "\\" in line else line.split("|"))[1:-1]
        if len(cells) != count or line[0] != "|" or line[-1] != "|":
            return None
        if not all(cell[:1] == " " == cell[-1:] for cell in cells):
            return None
        rows.append([cell[1:-1] for cell in cells])
    if len(rows) <= LEAST_ROWS or count > MAX_COLUMNS:
        return None
    columns: list[Cells] = list(zip(*rows, strict=True))
    if all(len(set(map(len, column))) == 1 for column in columns):
        return _padded(columns, [0] * count, lambda pads: Framed("markdown", pads, lines[1]), ())
    if any(cell != cell.strip(" ") for column in columns for cell in column):
        return None
    layout = Framed("markdown", (Pad(0, "<", "<"),) * count, lines[1])
    return Table(tuple(rows[0]), tuple(column[1:] for column in columns), layout)


# --- columns set apart by blanks --------------------------------------------------------------------------------------


def _spaced_header(line: str) -> bool:
    """Whether a line could name columns: two words at least with blanks between, none of them a figure."""
    words = line.split()
    return 2 <= len(words) <= MAX_COLUMNS and len(line) <= MAX_WIDTH and not any(map(_is_figure, words))


def _is_figure(word: str) -> bool:
    return _DIGIT.search(word) is not None and _LETTER.search(word) is None


def _spaced(lines: list[str]) -> Table | None:
    ruled = _DASHES.match(lines[1]) is not None
    body = lines[1 + ruled :]
    if len(body) < LEAST_ROWS or not _spaced_header(lines[0]):
        return None
    named = len(lines[0].rstrip(" "))
    if 0 not in _taken([lines[0][:named], *(line[:named] for line in body[:_OVERLAID])]):
        return None
    if max(map(len, lines)) > MAX_WIDTH:
        return None
    if any("\t" in line for line in lines) or not all(map(str.strip, body)):
        return None
    ends = {line.endswith(" ") for line in lines}
    if len(ends) == 2 or (True in ends and len(set(map(len, lines))) > 1):
        return None
    starts = _starts([lines[0], *body])
    if starts is None:
        return None
    width = max(map(len, lines))
    padded = [line.ljust(width) for line in (lines[0], *body)]
    columns: list[Cells] = []
    gaps: list[int] = []
    for start, stop in pairwise([*starts, width]):
        wide = max(len(line[start:stop].rstrip(" ")) for line in padded)
        columns.append([line[start : start + wide] for line in padded])
        gaps.append(stop - start - wide)
    table = _padded(columns, gaps, lambda pads: Spaced(pads, ruled, True not in ends), ())
    return table if table and _spaced_proof(table, ruled) else None


def _starts(lines: Sequence[str]) -> list[int] | None:
    """Where the columns begin: after every run of places that are blank in all lines. A column that has no name of its
    own belongs to the one before it, and so does one that only the second word of a name fills."""
    places = _taken(lines)
    header = lines[0].ljust(len(places))
    found = [run.span() for run in re.finditer(rb"\x01+", places)]
    starts = [0]
    for (_, before), (start, stop) in pairwise(found):
        second_word = start == before + 1 and not any(map(str.strip, [line[start:stop] for line in lines[1:]]))
        if header[start:stop].strip() and not second_word:
            starts.append(start)
    return starts if len(starts) > 1 else None


def _taken(lines: Sequence[str]) -> bytes:
    """For every place up to the end of the longest line: 0 where it is blank in all lines, else 1."""
    width = max(map(len, lines))
    taken = 0
    for line in lines:
        plain = line if line.isascii() else "".join([" " if sign == " " else "x" for sign in line])
        taken |= int.from_bytes(plain.ljust(width).encode().translate(_MASK), "big")
    return taken.to_bytes(width, "big")


_MASK = bytes(0 if code == 32 else 1 for code in range(256))


def _spaced_proof(table: Table, ruled: bool) -> bool:
    """A rule; or names in capitals; or three columns and more, one of figures, whose rows fill them."""
    names, columns = table.names, table.columns
    if not all(columns[0]) or len(set(names)) < len(names):
        return False
    if ruled:
        return True
    if len(names) < 3 or sum(table.count - column.count("") for column in columns) < 0.6 * table.count * len(names):
        return False
    if all(_CAPITALS.match(name) for name in names):
        return True
    figures = any(all(map(_FIGURE.match, column[:_SAMPLED_ROWS])) for column in columns)
    return figures and table.count > LEAST_ROWS and all(map(_NAME.match, names[1:]))


# --- padding ----------------------------------------------------------------------------------------------------------


def _stand_right(cells: Cells) -> bool:
    return any(cell[0] == " " for cell in cells) and not any(cell[-1] == " " for cell in cells)


def _padded(
    cells: Sequence[Cells], gaps: Sequence[int], layout: Callable[[tuple[Pad, ...]], Layout], after: tuple[str, ...]
) -> Table | None:
    """The table of padded cells, its names first. A cell that stands at neither side keeps the blanks before it."""
    pads: list[Pad] = []
    names: list[str] = []
    columns: list[Cells] = []
    for column, gap in zip(cells, gaps, strict=True):
        name, *rest = column
        right = _stand_right([cell for cell in rest if cell.strip(" ")])
        bare = [cell.lstrip(" ") if right else cell.rstrip(" ") for cell in rest]
        width = len(name)
        side = ">" if right else "<"
        named = name.strip(" ")
        sides = (one for one in dict.fromkeys((side, "<", "^", ">")) if Pad(width, side, one).name(named) == name)
        name_side = next(sides, None)
        if name_side is None:
            return None
        pads.append(Pad(width, side, name_side, gap))
        names.append(named)
        columns.append(bare)
    return Table(tuple(names), tuple(columns), layout(tuple(pads)), after)
