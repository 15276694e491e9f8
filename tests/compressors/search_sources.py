"""Search outputs made up: every layout, few texts so that they repeat, odd paths, noise."""

from __future__ import annotations

from hypothesis import strategies as st

_part = st.one_of(
    st.sampled_from(
        ["src", "lib", "a:b", "c:1:d", "x-12-y", "dir with space", "[slug]", "ünï", "2024-05-01", "v1.2", ".git"]
    ),
    st.text(st.characters(exclude_characters="/\n", exclude_categories=["Cs"]), min_size=1, max_size=6),
)
_name = st.sampled_from(
    ["a.py", "b c.txt", "Makefile", "x:3:y.md", "z-7-.rs", "k.min.js", "README", "日本.go", "12.log"]
)
_path = st.one_of(
    st.builds(lambda folder, name: f"src/{folder}/{name}", st.sampled_from(["core", "wire", "a"]), _name),
    st.builds(lambda parts, name: "/".join([*parts, name]), st.lists(_part, max_size=3), _name),
)
_text = st.one_of(
    st.sampled_from(
        [
            "",
            "def f():",
            "    return x[1:2:3]",
            "--",
            "at 12:30:45",
            "see a.py:3: x",
            "\ttoken\r",
            " class X:",
            "--\r",
            "  if a-3-b:",
        ]
    ),
    st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=30),
    st.integers(990, 1100).map(lambda size: "w" * size),
)
_gap = st.integers(1, 4)


@st.composite
def _groups(draw: st.DrawFn) -> list[tuple[str, list[tuple[int, str]]]]:
    """Files with numbered lines; few texts, so that they repeat."""
    texts = draw(st.lists(_text, min_size=1, max_size=8))
    groups = []
    for path in draw(st.lists(_path, min_size=1, max_size=6)):
        number, rows = draw(st.integers(0, 40)), []
        for _ in range(draw(st.integers(1, 12))):
            number += draw(_gap)
            rows.append((number, draw(st.sampled_from(texts))))
        groups.append((path, rows))
    return groups


def _plain(groups: list[tuple[str, list[tuple[int, str]]]]) -> list[str]:
    return [f"{path}:{number}:{text}" for path, rows in groups for number, text in rows]


def _context(groups: list[tuple[str, list[tuple[int, str]]]]) -> list[str]:
    lines: list[str] = []
    for path, rows in groups:
        before = None
        for number, text in rows:
            if lines and number != (before or -1) + 1:
                lines.append("--")
            separator = "-" if len(text) % 3 == 1 else ":"
            lines.append(f"{path}{separator}{number}{separator}{text}")
            before = number
    return lines


def _headings(groups: list[tuple[str, list[tuple[int, str]]]]) -> list[str]:
    lines: list[str] = []
    for path, rows in groups:
        lines += [""] * bool(lines) + [path] + [f"{n}{'-' if len(text) % 5 == 4 else ':'}{text}" for n, text in rows]
    return lines


def _unnamed(groups: list[tuple[str, list[tuple[int, str]]]]) -> list[str]:
    return [f"{n}{'-' if len(text) % 7 == 1 else ':'}{text * (1 + 900 * (n % 3 == 0))}" for n, text in groups[0][1]]


def _coloured(groups: list[tuple[str, list[tuple[int, str]]]]) -> list[str]:
    red, off = "\x1b[35m\x1b[K", "\x1b[m\x1b[K"
    return [f"{red}{path}{off}:\x1b[32m{n}\x1b[0m:{text}" for path, rows in groups for n, text in rows]


def _list(groups: list[tuple[str, list[tuple[int, str]]]]) -> list[str]:
    """Long enough not to be kept."""
    paths = [f"src/pkg/{path.replace(' ', '_')}{n}.py" for path, rows in groups for n, _ in rows]
    return [f"d{i}/{path}" for i in range(1 + 17_000 // sum(map(len, paths))) for path in paths]


def _counts(groups: list[tuple[str, list[tuple[int, str]]]]) -> list[str]:
    return [f"{path}:{i % 9}" for i, path in enumerate(_list(groups))]


@st.composite
def small_sources(draw: st.DrawFn) -> str:
    layouts = (_plain, _plain, _context, _context, _headings, _list, _counts, _unnamed, _coloured)
    lines = draw(st.sampled_from(layouts))(draw(_groups()))
    if draw(st.booleans()) and draw(st.booleans()):
        noise = [
            "",
            "--",
            "grep: x.bin: binary file matches",
            "Exit code: 0",
            "12:01:01 up",
            "a.py-3-x",
            "5:five",
            "src/",
        ]
        for line in draw(st.lists(st.sampled_from(noise), max_size=4)):
            lines.insert(draw(st.integers(0, len(lines))), line)
    if len(lines) < 80 and draw(st.booleans()) and draw(st.booleans()):
        lines = draw(st.permutations(lines))
    return "\n".join(lines) + draw(st.sampled_from(("\n", "\n", "", "\n\n")))


@st.composite
def large_sources(draw: st.DrawFn) -> str:
    """Beyond the size from which the balanced level leaves things out."""
    files, per_file = draw(st.sampled_from(((3, 900), (60, 60), (400, 8))))
    pad = draw(st.integers(40, 90))
    layout = draw(st.sampled_from((_plain, _headings, _context)))
    step = draw(st.integers(1, 3))
    groups = [
        (
            f"pkg{i % 7}/module_{i}.py",
            [
                (j * step + 1, f"{'def ' if j % 11 == 3 else '    x = '}f{j % 40}_{'p' * pad * (j % 97 != 5 or 30)}")
                for j in range(per_file)
            ],
        )
        for i in range(files)
    ]
    return "\n".join(layout(groups)) + "\n"


LESSON = "\n".join(
    f"src/mod{i % 12}/file{i % 30}.py:{i + 1}:def handler_{i}(request): return process_{i % 9}(request)"
    for i in range(150)
)
LARGE = "\n".join(f"src/app/f{i // 300}.py:{i % 300 + 1}:{'x' * 60} = value_{i}" for i in range(3000)) + "\n"
LONG = "\n".join(f"web/out/m{i}.js:{n}:{'y' * (5000 if n == 7 else 30)}" for i in range(9) for n in (3, 7, 9))
