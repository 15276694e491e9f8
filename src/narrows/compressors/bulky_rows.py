"""Leaving whole rows out of a bulky table (level `balanced`), whatever kind of text the table stands in.

Only a table beyond the sizes of `Bulk` is touched, and only by whole rows; those that stay are
verbatim and in place. What differs stays: the first and last rows, rows of an odd shape, rare values of columns that
otherwise repeat, error-like values in columns that say how something went, extremes and outliers of numbers, and the
rows around a change of a value that changes seldom. Each gap is marked where it is, with its rows (counted from 1); one
mark at the end says of all rows left out what their columns held, in figures that anybody can recompute.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, compress, groupby, islice

from narrows.compressors import marks

MAX_KEPT_SHARE = 0.75
"""Where more rows than this share would stay, all do: the marks are not worth the rest."""

_LAST = 10
_SHORTEST_GAP = 4
_COMMON_SHARE = 0.02
_COVERED_SHARE = 0.9
_FEW_CHANGES = 10
_FEW_VALUES = 8
_RARE = 3
_PROBED = 16
_LONG_VALUE = 40
_OUTLIER_SPREADS = 3
_OUTCOME_COLUMN = re.compile(
    r"(?i)(level|severity|priority|status|state|phase|result|outcome|conclusion|health|error|reason)s?$"
)
_TROUBLE = re.compile(
    r"(?i)err|fail|fatal|crit|panic|exception|denied|timeout|timed.?out|refused|reject|unhealthy|degraded|crash|abort|"
    r"invalid|warn|alert|emerg|down|lost|missing|unknown"
)
_COMPARABLE = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?\Z")


@dataclass(frozen=True, slots=True)
class Bulk:
    """A table with more than `rows` rows and `characters` characters is bulky. Its first rows stay up to
    `head_characters`: what a reader would have seen of a text cut short is all there."""

    rows: int = 400
    characters: int = 250_000
    head_characters: int = 100_000

    def is_reached(self, lines: Sequence[str]) -> bool:
        """Whether a table of these lines is bulky."""
        return len(lines) > self.rows and sum(map(len, lines)) > self.characters


DEFAULT_BULK = Bulk()


@dataclass(frozen=True, slots=True)
class Column:
    """A column's cells, one for each row that has columns at all. `name` is the column's own, `label` what a mark calls
    it, which also says where it is nested."""

    name: str
    label: str
    cells: Sequence[str]


def survivors(lines: Sequence[str], columns: Sequence[Column], whole: Collection[int], bulk: Bulk) -> list[bool] | None:
    """For each row whether it stays; None where too few could go. Rows whose index is in `whole` have no columns."""
    count = len(lines)
    first = bisect(list(accumulate(map(len, lines))), bulk.head_characters)
    staying = {*range(first), *range(count - _LAST, count), *whole}
    regular = [index for index in range(count) if index not in whole]
    for column in columns:
        staying.update(regular[position] for position in _telling(column))
    if len(staying) > MAX_KEPT_SHARE * count:
        return None
    kept = [index in staying for index in range(count)]
    position = 0
    for stays, run in groupby(list(kept)):
        length = sum(1 for _ in run)
        if not stays and length < _SHORTEST_GAP:
            kept[position : position + length] = [True] * length
        position += length
    return kept if kept.count(False) else None


def shortened(
    lines: Sequence[str],
    columns: Sequence[Column],
    whole: Collection[int],
    kept: Sequence[bool],
    say: Callable[[str], str | None],
) -> list[str]:
    """The lines that stay, a mark for each gap, and the mark that sums up what is missing; `say` writes a cell as
    a mark shows it, None where it is too much for one."""
    output: list[str] = []
    position = 0
    for stays, run in groupby(kept):
        length = sum(1 for _ in run)
        if stays:
            output += lines[position : position + length]
        else:
            output.append(marks.mark(f"rows {position + 1}-{position + length} left out"))
        position += length
    regular = [not stays for index, stays in enumerate(kept) if index not in whole]
    told = [
        said for said in (_statement(column, list(compress(column.cells, regular)), say) for column in columns) if said
    ]
    output.append(marks.mark("; ".join([f"{kept.count(False)} rows left out", *told])))
    return output


def _telling(column: Column) -> set[int]:
    """The positions whose cell sets their row apart."""
    cells = column.cells
    counts = Counter(cells)
    common = max(_RARE, int(_COMMON_SHARE * len(cells)))
    usual = {cell for cell, times in counts.items() if times > common}
    telling: set[int] = set()
    if sum(counts[cell] for cell in usual) >= _COVERED_SHARE * len(cells):
        telling.update(index for index, cell in enumerate(cells) if cell not in usual)
        changes = [index for index in range(1, len(cells)) if cells[index] != cells[index - 1]]
        if len(changes) <= _FEW_CHANGES:
            telling.update(index + step for index in changes for step in (-1, 0))
    if _OUTCOME_COLUMN.search(column.name):
        trouble = {cell for cell in counts if len(cell) <= _LONG_VALUE and _TROUBLE.search(cell)}
        telling.update(index for index, cell in enumerate(cells) if cell in trouble)
    return telling | _extremes(cells, counts)


def _extremes(cells: Sequence[str], counts: Counter[str]) -> set[int]:
    """The positions of the smallest and largest number and of those far outside the middle half, where rare."""
    if len(counts) <= _FEW_VALUES or not any(map(_COMPARABLE.match, islice(counts, _PROBED))):
        return set()
    numbers = {cell: float(cell) for cell in counts if _COMPARABLE.match(cell)}
    ordered = sorted([numbers[cell] for cell in cells if cell in numbers])
    low, high = ordered[len(ordered) // 4], ordered[(3 * len(ordered)) // 4]
    spread = _OUTLIER_SPREADS * (high - low)
    lowest, highest = max(low - spread, ordered[0]), min(high + spread, ordered[-1])
    telling = {cell for cell, value in numbers.items() if not lowest < value < highest and counts[cell] <= _RARE}
    return {index for index, cell in enumerate(cells) if cell in telling} if telling else set()


def _number(cell: str) -> Decimal | None:
    """The exact value of a number of ordinary size, which no arithmetic setting can round."""
    return Decimal(cell) if _COMPARABLE.match(cell) else None


def _statement(column: Column, cells: Sequence[str], say: Callable[[str], str | None]) -> str:
    """What the cells of the rows left out held: counts of few values, or the range of numbers; else nothing."""
    counts = Counter(cells)
    if len(counts) <= _FEW_VALUES and max(map(len, counts), default=0) <= _LONG_VALUE:
        said = [(times, say(cell)) for cell, times in counts.most_common()]
        if all(words is not None for _, words in said):
            return f"{column.label}: " + ", ".join(f"{times} {words}" for times, words in said)
    numbers = [(value, cell) for cell in counts if (value := _number(cell)) is not None]
    if len(numbers) == len(counts):
        ordered = sorted(numbers)
        return f"{column.label}: {ordered[0][1]}..{ordered[-1][1]}"
    return ""
