"""Tables and listings as programs print them, and hostile ones: written here, by the rules of each program."""

from __future__ import annotations

import random
from collections.abc import Callable

from hypothesis import strategies as st

Row = list[str]

# --- writers ----------------------------------------------------------------------------------------------------------


def as_csv(names: Row, rows: list[Row], end: str = "\n", separator: str = ",") -> str:
    """RFC 4180: quotes only where they are needed."""

    def cell(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in f'{separator}"') else text

    return "".join(separator.join(map(cell, row)) + end for row in (names, *rows))


def widths(names: Row, rows: list[Row]) -> list[int]:
    """The widest cell of each column."""
    return [max(map(len, column)) for column in zip(names, *rows, strict=True)]


def aligned(names: Row, rows: list[Row]) -> list[Row]:
    """Numbers right, all else left; the names as their cells."""
    sizes = widths(names, rows)
    right = [all(row[i].replace(".", "").isdigit() for row in rows) for i in range(len(names))]
    return [
        [cell.rjust(size) if one else cell.ljust(size) for cell, size, one in zip(row, sizes, right, strict=True)]
        for row in (names, *rows)
    ]


def as_psql(names: Row, rows: list[Row]) -> str:
    """psql: names in the middle, a rule, the last column without blanks at its end, a count."""
    sizes = widths(names, rows)
    middle = [(" " * ((size - len(name)) // 2) + name).ljust(size) for name, size in zip(names, sizes, strict=True)]
    body = [" " + " | ".join(row) for row in aligned(names, rows)[1:]]
    body = [line.rstrip(" ") + " " * (line.rstrip(" ")[-1:] == "|") for line in body]
    rule = "+".join("-" * (size + 2) for size in sizes)
    return "\n".join([" " + " | ".join(middle) + " ", rule, *body, f"({len(rows)} rows)", "", ""])


def as_box(names: Row, rows: list[Row]) -> str:
    """mysql: names left, numbers right, a rule above, below and between."""
    sizes = widths(names, rows)
    rule = "+" + "+".join("-" * (size + 2) for size in sizes) + "+"
    first = "| " + " | ".join(name.ljust(size) for name, size in zip(names, sizes, strict=True)) + " |"
    body = ["| " + " | ".join(row) + " |" for row in aligned(names, rows)[1:]]
    return "\n".join([rule, first, rule, *body, rule, f"{len(rows)} rows in set (0.01 sec)", ""])


def as_markdown(names: Row, rows: list[Row]) -> str:
    """Without padding."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in (names, *rows)]
    return "\n".join([lines[0], "| " + " | ".join("---" for _ in names) + " |", *lines[1:], ""])


def as_columns(names: Row, rows: list[Row]) -> str:
    """kubectl, docker: names and cells left, three blanks between."""
    sizes = widths(names, rows)
    found = ("   ".join(cell.ljust(size) for cell, size in zip(row, sizes, strict=True)) for row in (names, *rows))
    return "\n".join([line.rstrip(" ") for line in found]) + "\n"


def as_ruled(names: Row, rows: list[Row]) -> str:
    """pip list: one blank between, and dashes below the names."""
    sizes = widths(names, rows)
    lines = [" ".join(cell.ljust(size) for cell, size in zip(row, sizes, strict=True)) for row in (names, *rows)]
    return "\n".join(
        [lines[0].rstrip(" "), " ".join("-" * size for size in sizes), *[one.rstrip(" ") for one in lines[1:]]]
    )


def as_frame(names: Row, rows: list[Row]) -> str:
    """pandas: everything right, rows numbered."""
    numbered = [["", *names], *[[str(i), *row] for i, row in enumerate(rows)]]
    sizes = widths(numbered[0], numbered[1:])
    return "\n".join("  ".join(cell.rjust(size) for cell, size in zip(row, sizes, strict=True)) for row in numbered)


def as_ls(entries: list[Row], *, total: str = "total 24") -> str:
    """ls -l of one folder: mode, links, owner, group, size, date, name."""
    sizes = widths(entries[0], entries)
    lines = [
        f"{mode.ljust(sizes[0])} {links.rjust(sizes[1])} {owner.ljust(sizes[2])} {group.ljust(sizes[3])} "
        f"{size.rjust(sizes[4])} {date} {name}"
        for mode, links, owner, group, size, date, name in entries
    ]
    return "\n".join([total, *lines, ""])


WRITERS: tuple[Callable[[Row, list[Row]], str], ...] = (
    as_csv,
    lambda names, rows: as_csv(names, rows, "\r\n"),
    lambda names, rows: "\n".join("\t".join(row) for row in (names, *rows)),
    lambda names, rows: as_csv(names, rows, separator=";"),
    as_psql,
    as_box,
    as_markdown,
    as_columns,
    as_ruled,
    as_frame,
)

# --- cells ------------------------------------------------------------------------------------------------------------

_SHELVES = ("open", "closed", "Running", "in review", "<none>", "eu-west-1", "a, b", 'say "hi"', "x|y", "k=v", "")
_HOSTILE = (
    " x", "x ", "", "-", "[narrows: rows 1-2 left out]", "[1 rows", "a,b",
    '"', '"q"', "a\\|b", "é", "日本", "\u2028", "\t", "\r",
    "total 12", "1..2", "empty", "0", "---", "+", "a  b", "{", "=",
)  # fmt: skip
_NAMES = (
    "id",
    "NAME",
    "Status",
    "when",
    "size_kb",
    "%CPU",
    "RESTARTS",
    "Mounted on",
    "a=b",
    "owner",
    "level",
    "1K-blocks",
)


@st.composite
def columns(draw: st.DrawFn, count: int) -> list[str]:
    """Cells of one column: the same in every row, of a few sorts, figures, words, or anything."""
    sort = draw(st.integers(0, 5))
    if sort == 0:
        return [draw(st.sampled_from(_SHELVES))] * count
    if sort == 1:
        return [draw(st.sampled_from(_SHELVES)) for _ in range(count)]
    if sort == 2:
        start = draw(st.integers(0, 9999))
        return [str(start + i) for i in range(count)]
    if sort == 3:
        return [f"{draw(st.integers(0, 999))}.{draw(st.integers(0, 99))}" for _ in range(count)]
    if sort == 4:
        return [draw(st.text("abcxyz-_/.", min_size=1, max_size=12)) for _ in range(count)]
    return [draw(st.sampled_from(_HOSTILE) | st.text(max_size=6)).replace("\n", " ") for _ in range(count)]


@st.composite
def tables(draw: st.DrawFn) -> str:
    """A table in one of the layouts, at times broken at a place."""
    count = draw(st.integers(3, 30))
    names = draw(st.lists(st.sampled_from(_NAMES), min_size=2, max_size=6, unique=draw(st.booleans())))
    cells = [draw(columns(count)) for _ in names]
    text = draw(st.sampled_from(WRITERS))(names, [list(row) for row in zip(*cells, strict=True)])
    return draw(broken(text))


@st.composite
def listings(draw: st.DrawFn) -> str:
    """Listings of some folders."""
    folders = []
    for number in range(draw(st.integers(1, 3))):
        entries = [
            [
                draw(st.sampled_from(("-rw-r--r--", "drwxr-xr-x", "-rwxr-xr-x", "lrwxrwxrwx", "drwxrwxrwt+"))),
                str(draw(st.integers(1, 30))),
                draw(st.sampled_from(("root", "dev", "www-data"))),
                draw(st.sampled_from(("root", "staff"))),
                draw(st.sampled_from(("4096", "0", "123456", "1.5K"))),
                draw(st.sampled_from(("Nov 21 10:06", "Jan  2  2024", "Feb 11 23:59"))),
                draw(
                    st.sampled_from(("a", "b c", " x", "total 12", "y:", "ls: z", "é", "a -> b", "d 1 2"))
                    | st.text("abc._ ", min_size=1)
                ),
            ]
            for _ in range(draw(st.integers(1, 8)))
        ]
        heading = draw(st.sampled_from(("", "", f"src/{number}:\n", f"\nsrc/{number}:\n")))
        folders.append(heading + as_ls(entries))
    return draw(broken("".join(folders)))


@st.composite
def broken(draw: st.DrawFn, text: str) -> str:
    """The text, or the text with a line changed, moved or cut."""
    lines = text.split("\n")
    place = draw(st.integers(0, len(lines) - 1))
    match draw(st.integers(0, 9)):
        case 0:
            lines[place] = draw(st.text(max_size=12)) + lines[place][draw(st.integers(0, 6)) :]
        case 1:
            lines.insert(place, draw(st.sampled_from(_HOSTILE)))
        case 2:
            return text.rstrip("\n")
    return "\n".join(lines)


TABLES = st.one_of(tables(), tables(), listings())

# --- examples ---------------------------------------------------------------------------------------------------------


def orders(count: int, seed: int) -> tuple[Row, list[Row]]:
    """Orders in the manner of a database: ids, times, a few categories, rare errors, outliers."""
    chance = random.Random(seed)
    rows = []
    for i in range(count):
        failed = chance.random() < 0.01
        amount = chance.gauss(50, 10) if i % 500 else 9000 + i
        rows.append(
            [
                str(5000 + i),
                f"2024-03-{1 + i % 28:02d}",
                "failed" if failed else chance.choice(("open", "sent", "done, paid")),
                chance.choice(("Ada", "Linus", 'Grace "G."')),
                f"{amount:.2f}",
                "EUR",
                "timeout" if failed else "",
                f"{chance.getrandbits(160):040x}",
            ]
        )
    return ["id", "day", "status", "owner", "amount", "currency", "error", "digest"], rows


def pods(count: int) -> tuple[Row, list[Row]]:
    """As `kubectl get pods -A` tells them."""
    rows = [["shop", f"api-5d78c9869d-{i:04x}", "1/1", "Running", str(i % 3), "12d"] for i in range(count)]
    return ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE"], rows


def files(count: int) -> list[Row]:
    """Entries of a folder."""
    return [
        [
            "drwxr-xr-x" if i % 4 else "-rw-r--r--",
            str(1 + i % 3),
            "root",
            "root",
            str(4096 + i),
            "Nov 21 10:06",
            f"name {i}",
        ]
        for i in range(count)
    ]


EXAMPLES = (
    (as_psql(*orders(40, 1)), "lossless"),
    (as_box(*orders(40, 2)), "lossless"),
    (as_markdown(*orders(40, 3)), "balanced"),
    (as_columns(*pods(40)), "lossless"),
    (as_frame(*pods(40)), "lossless"),
    (as_ls(files(60)), "lossless"),
    (as_csv(*orders(6000, 4)), "balanced"),
    (as_psql(*orders(6000, 5)), "balanced"),
)
