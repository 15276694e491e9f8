"""Diffs made up: every sort of file header, content that looks like headers, noise."""

from __future__ import annotations

from hypothesis import strategies as st

_content = st.one_of(
    st.sampled_from(
        [
            "",
            "x",
            "def f():",
            "-- a/x",
            "++ b/x",
            "@ -1 +1 @@",
            "@@ -1 +1 @@",
            "iff --git a/q b/q",
            "\r",
            "\\ no",
            "+",
            "-",
            "    return value_of_something(1)",
        ]
    ),
    st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=40),
)
_heading = st.sampled_from(["", " def f():", " class A: # @@", " ünï"])
_name = st.sampled_from(["src/a.py", "b c.txt", "package-lock.json", "x.min.js", '"q\\303\\274.txt"', "d/e.rs"])


_run = st.tuples(st.sampled_from("  +-"), st.integers(1, 12))


@st.composite
def _hunks(draw: st.DrawFn, most: int) -> list[str]:
    """Hunks that fit, at rising places."""
    lines: list[str] = []
    old, new = draw(st.integers(1, 30)), draw(st.integers(1, 30))
    contents = draw(st.lists(_content, min_size=1, max_size=6))
    for _ in range(draw(st.integers(1, most))):
        signs = "".join(sign * count for sign, count in draw(st.lists(_run, min_size=1, max_size=7)))
        if set(signs) == {" "}:
            signs += "+"
        olds, news = len(signs) - signs.count("+"), len(signs) - signs.count("-")
        ranges = []
        for start, count in ((old, olds), (new, news)):
            ranges.append(
                f"{start - (count == 0)}" if count == 1 and draw(st.booleans()) else f"{start - (count == 0)},{count}"
            )
        lines.append(f"@@ -{ranges[0]} +{ranges[1]} @@{draw(_heading)}")
        lines += [sign + draw(st.sampled_from(contents)) for sign in signs]
        gap = draw(st.integers(1, 50))
        old, new = old + olds + gap, new + news + gap
    if draw(st.booleans()):
        lines.append("\\ No newline at end of file")
    return lines


@st.composite
def _file(draw: st.DrawFn) -> list[str]:
    name = draw(_name)
    kind = draw(st.integers(0, 10))
    git = f"diff --git a/{name} b/{name}"
    if kind == 0:
        return [git, "old mode 100644", "new mode 100755"]
    if kind == 1:
        return [git, "index 6e4b991..aaa3006 100644", f"Binary files a/{name} and b/{name} differ"]
    if kind == 2:
        data = ["zcmV;n14;a_nOER3lW12Xp)U_bMkHE"] * draw(st.integers(1, 9))
        return [git, "index 6e4b991..aaa3006", "GIT binary patch", "literal 950", *data, "", "literal 9", data[0], ""]
    if kind == 3:
        return [f"--- {name}\t2025-03-01 09:00:00", f"+++ {name}\t2025-03-01 09:00:01", *draw(_hunks(3))]
    if kind == 10:
        line = (
            draw(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=9)) * 300
            + "x" * 2001
        )
        old, new = (draw(st.text('ab "\\', max_size=4)) for _ in range(2))
        at = draw(st.integers(0, len(line)))
        note = ["\\ No newline at end of file"] * draw(st.integers(0, 1))
        changed = [f"-{line[:at]}{old}{line[at:]}", *note, f"+{line[:at]}{new}{line[at:]}", *note]
        return [git, f"--- a/{name}", f"+++ b/{name}", "@@ -1 +1 @@", *changed]
    if kind == 4:
        return [
            "diff --cc x.py",
            "index 1,2..3",
            "--- a/x.py",
            "+++ b/x.py",
            "@@@ -1,2 -1,2 +1,2 @@@ f",
            "  a",
            "- b",
            " -c",
            "++d",
        ]
    extended = draw(
        st.sampled_from(
            [["index 6e4b991..aaa3006 100644"], [], ["new file mode 100644", "index 0..1"], ["index 1..2 100755"]]
        )
    )
    return [git, *extended, f"--- a/{name}", f"+++ b/{name}", *draw(_hunks(12 if kind == 5 else 4))]


_commit = st.sampled_from(
    [
        [],
        [
            "commit 95b3f12a7d27e115be900dfdc9921543d9fa102c",
            "Author: Dev <d@e>",
            "Date:   Sun",
            "",
            "    diff --git words",
            "",
        ],
        [
            "From 67945b59d3e7be117fb8dbe7792a94734d5a1cc1 Mon Sep 17",
            "Subject: x",
            "",
            "any words",
            "---",
            " a | 2 +-",
            "",
        ],
        ["Only in da: gone.txt"],
    ]
)


def example(files: int, hunks: int) -> str:
    lines: list[str] = []
    for i in range(files):
        name = "yarn.lock" if i == 1 else f"src/module_{i}.py"
        lines += [f"diff --git a/{name} b/{name}", "index 6e4b991..aaa3006 100644", f"--- a/{name}", f"+++ b/{name}"]
        for j in range(hunks):
            lines.append(f"@@ -{j * 40 + 1},15 +{j * 40 + 1 + j},16 @@ def function_{j}(argument):")
            context = [f"     value_{n} = compute({n}, argument_{n})" for n in range(13)]
            lines += [*context[:6], "-    old = 1", "+    new = 2", *context[6:], "-    last", "+    last = 3", "+"]
    return "\n".join(lines) + "\n"


@st.composite
def sources(draw: st.DrawFn) -> str:
    """Mostly with enough context that something is left out, so that the rest is held to the truth as well."""
    lines = example(1, draw(st.integers(2, 4))).split("\n")[:-1] if draw(st.integers(0, 9)) else []
    for _ in range(draw(st.integers(1, 5))):
        lines += draw(_commit) + draw(_file())
    if draw(st.integers(0, 9)) == 0:
        place = draw(st.integers(0, len(lines)))
        if draw(st.booleans()):
            noise = ["", "words", " context", "+x", "@@ -1 +1 @@", "-- ", "Exit code: 0"]
            lines.insert(place, draw(st.sampled_from(noise)))
        else:
            lines = lines[:place]
    if draw(st.integers(0, 9)) == 0:
        lines = [f"\x1b[{30 + len(line) % 7}m{line[:3]}\x1b[m{line[3:]}" for line in lines]
    return "\n".join(lines) + draw(st.sampled_from(("\n", "\n", "")))
