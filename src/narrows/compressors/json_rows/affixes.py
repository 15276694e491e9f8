"""What the strings of a column have in common, said once in the header.

Resource names repeat: an ARN, a URL or a resource id is a long prefix and then a name that often has a column of its
own. `id="/subscriptions/1/servers/"+name` says that of every row; `link="https://example.org/zones/"+...` keeps the
row's own part in its cell. Prefixes end, and suffixes begin, only at a separator of paths and of resource names, so
that no name is ever cut in two; times are left alone. In short lists everything is written out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from narrows.compressors.json_rows.columns import Column, Derived, Field, Group, Joined, flat
from narrows.compressors.json_rows.notation import piece

MIN_ROWS = 8
MIN_COMMON = 12
MIN_GAIN = 160
"""In characters, over all rows."""
MAX_CHECKED = 8
"""How many other columns are compared in full with one."""
_MAX_LENGTH = 2000

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PREFIX_END = re.compile(r".*[/:= ]", re.DOTALL)
_SUFFIX_START = re.compile(r"[/:=? ].*", re.DOTALL)
_TIME = re.compile(r"[0-9]{2,4}[-/:][0-9]{2}[-/:T ]")


def joined(fields: tuple[Field, ...], rows: int) -> tuple[Field, ...]:
    """The columns, those of strings with much in common written as a common part and a rest."""
    columns = [column for column in flat(fields) if column.strings is not None] if rows >= MIN_ROWS else []
    if not columns:
        return fields
    names = Counter(column.path[-1] for column in flat(fields))
    sources = [column for column in columns if names[column.path[-1]] == 1 and _PLAIN_NAME.match(column.path[-1])]
    changed: dict[tuple[str, ...], Column | Derived] = {}
    used: set[tuple[str, ...]] = set()
    for column in columns:
        if column.path in used:
            continue
        source = _source(column, [one for one in sources if not isinstance(changed.get(one.path), Derived)])
        if source is not None:
            changed[column.path] = source
            used.update(one.path for one in sources if one.path[-1] == source.joined.ref)
    for column in columns:
        if column.path not in changed and (common := _common(column)) is not None:
            changed[column.path] = common
    return _replaced(fields, changed) if changed else fields


def _replaced(fields: tuple[Field, ...], changed: dict[tuple[str, ...], Column | Derived]) -> tuple[Field, ...]:
    return tuple(
        [
            replace(field, fields=_replaced(field.fields, changed))
            if isinstance(field, Group)
            else changed.get(field.path, field)
            for field in fields
        ]
    )


def _source(column: Column, sources: Sequence[Column]) -> Derived | None:
    """The column as a function of another, where it is one in every row: the same strings, or resource names. A short
    name that is put together of two stands whole, as somebody will look for it."""
    strings = column.strings or ()
    first, last = strings[0], strings[-1]
    if len(first) > _MAX_LENGTH or len(last) > _MAX_LENGTH:
        return None
    checked = 0
    for source in sources:
        others = source.strings or ()
        start = first.rfind(others[0])
        if source is column or len(others[0]) < 2 or start < 0 or checked == MAX_CHECKED:
            continue
        prefix, suffix = first[:start], first[start + len(others[0]) :]
        if last != prefix + others[-1] + suffix or 0 < len(prefix) + len(suffix) < MIN_COMMON:
            continue
        checked += 1
        if all(string == prefix + other + suffix for string, other in zip(strings, others, strict=True)):
            return Derived(column.path, Joined(prefix, suffix, source.path[-1]))
    return None


def _common(column: Column) -> Column | None:
    """The column's cells without what all of its strings begin and end with."""
    strings = column.strings or ()
    if len(_shared_start((strings[0], strings[-1]))) < MIN_COMMON:
        return None
    ends = _PREFIX_END.match(_shared_start(strings))
    prefix = ends[0] if ends else ""
    if len(prefix) < MIN_COMMON or len(prefix) * len(strings) < MIN_GAIN or _TIME.search(prefix):
        return None
    rests = [string[len(prefix) :] for string in strings]
    start = _SUFFIX_START.search(_shared_start([rest[::-1] for rest in rests])[::-1])
    suffix = start[0] if start else ""
    cells = [piece(rest[: len(rest) - len(suffix)]) for rest in rests]
    return replace(column, cells=cells, joined=Joined(prefix, suffix))


def _shared_start(strings: Sequence[str]) -> str:
    """What all of the strings begin with: what the first and the last of them in order do."""
    low, high = min(strings), max(strings)
    different = (index for index, (left, right) in enumerate(zip(low, high, strict=False)) if left != right)
    return low[: next(different, min(len(low), len(high)))]
