"""Diffs: what is one, what stays, and that the shortened patch gives the same file."""

from __future__ import annotations

import difflib
import json
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.compressors.diff import COMPRESSOR, grammar
from narrows.compressors.diff.patch import Hunk
from narrows.compressors.diff.trimmed import trim
from narrows.compressors.types import Compressed, Kept, Reason, Source, Verdict
from narrows.core.tool_call import ToolCall
from narrows.policy import Level
from tests.compressors.diff_sources import example
from tests.compressors.diff_truth import GIT_DIFF, check_truth
from tests.conftest import REPOSITORY

HEADER = "diff --git a/x.py b/x.py\nindex 6e4b991..aaa3006 100644\n--- a/x.py\n+++ b/x.py\n"


def compressed(text: str, call: ToolCall | None = None) -> Compressed:
    result = COMPRESSOR.compress(Source(text, call), Level.BALANCED)
    assert isinstance(result, Compressed), result
    check_truth(text, result.text)
    assert COMPRESSOR.is_output(result.text)
    assert COMPRESSOR.expand(result.text) is None
    return result


def numbered(first: int, last: int) -> str:
    return "".join(f" the line that has number {n}\n" for n in range(first, last + 1))


def test_context_goes_and_headers_fit() -> None:
    source = (
        HEADER
        + "@@ -10,24 +10,25 @@ def outer():\n"
        + numbered(10, 15)
        + "-old\n+new\n+more\n"
        + numbered(17, 27)
        + "-gone\n"
        + numbered(29, 30)
        + "+added\n"
        + numbered(31, 33)
    )
    shortened = compressed(source)
    assert shortened.text == (
        "[narrows: diff of 1 file, every changed line kept; left out: 16 context lines, hunk headers recomputed; "
        "1 index line]\n"
        "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n"
        "@@ -15,3 +15,4 @@ def outer():\n"
        " the line that has number 15\n-old\n+new\n+more\n the line that has number 17\n"
        "@@ -27,5 +28,5 @@\n"
        " the line that has number 27\n-gone\n"
        " the line that has number 29\n the line that has number 30\n+added\n the line that has number 31\n"
    )


@pytest.mark.parametrize(
    ("hunk", "expected"),
    [
        ("@@ -1 +1 @@\n-a\n+b", "@@ -1 +1 @@\n-a\n+b"),
        ("@@ -0,0 +1,2 @@\n+a\n+b", "@@ -0,0 +1,2 @@\n+a\n+b"),
        ("@@ -7,3 +7,2 @@ f\n a\n-b\n c", "@@ -7,3 +7,2 @@ f\n a\n-b\n c"),
        ("@@ -1,4 +1,3 @@ f\n-a\n b\n c\n d", "@@ -1,2 +1 @@ f\n-a\n b"),
        ("@@ -5,4 +5,4 @@\r\n a\r\n b\r\n-c\r\n+d\r\n e\r", "@@ -6,3 +6,3 @@\r\n b\r\n-c\r\n+d\r\n e\r"),
        ("@@ -5,3 +5,2 @@\n\n\n-c", "@@ -6,2 +6 @@\n\n-c"),
        ("@@ -3,4 +3,5 @@\n+x\n a\n b\n c\n d\n\\ No newline at end of file", None),
        ("@@ -3,2 +3,2 @@\n a\n-b\n\\ No newline at end of file\n+b", None),
    ],
)
def test_hunks_at_the_edges(hunk: str, expected: str | None) -> None:
    patch = grammar.parse(HEADER + hunk)
    assert patch is not None
    found = patch.files[0].content[0]
    assert isinstance(found, Hunk)
    lines, _ = trim(found, 1)
    assert "\n".join(lines) == (hunk if expected is None else expected)


def test_headers_in_the_content_are_content() -> None:
    """A removed line `-- a/x` reads `--- a/x`; the counts decide."""
    source = (
        HEADER
        + "@@ -1,9 +1,9 @@\n"
        + numbered(1, 5)
        + "--- a/x\n+++ b/x\n @@ -1,2 +1,2 @@\n-diff --git a/q b/q\n+d\n e\n"
    )
    patch = grammar.parse(source + HEADER.replace("x.py", "y.py") + "@@ -1 +1 @@\n-a\n+b\n")
    assert patch is not None
    assert [file.path for file in patch.files] == ["b/x.py", "b/y.py"]
    assert "--- a/x\n+++ b/x\n @@ -1,2 +1,2 @@\n-diff --git a/q b/q\n" in compressed(source + numbered(0, -1)).text


@pytest.mark.parametrize(
    "facts",
    [
        "old mode 100644\nnew mode 100755\n",
        "similarity index 98%\nrename from a b.py\nrename to x.py\nindex 6e4b991..97739d5 100755\n",
        "similarity index 98%\ncopy from y.py\ncopy to x.py\n",
        "new file mode 100755\n",
        "deleted file mode 120000\n",
    ],
)
def test_facts_of_a_file_stay(facts: str) -> None:
    source = f"diff --git a/x.py b/x.py\n{facts}--- a/x.py\n+++ b/x.py\n@@ -1,12 +1,12 @@\n-a\n+b\n{numbered(2, 12)}"
    assert f"diff --git a/x.py b/x.py\n{facts}--- a/x.py\n" in compressed(source).text


def test_a_note_on_a_context_line_stays_with_its_line() -> None:
    end = "\\ No newline at end of file\n"
    source = HEADER + "@@ -1,20 +1,20 @@\n" + numbered(1, 8) + "-a\n+b\n" + numbered(10, 20) + end
    text = compressed(source).text
    assert text.endswith(numbered(20, 20) + end)
    assert "@@ -8,13 +8,13 @@" in text


COMBINED = "diff --cc x.py\nindex 1,2..3\n--- a/x.py\n+++ b/x.py\n@@@ -1,2 -1,2 +1,2 @@@ f\n  a\n- b\n -c\n++d\n"
COMMIT = (
    "commit 95b3f12a7d27e115be900dfdc9921543d9fa102c (HEAD -> main)\nAuthor: D <d@e>\nDate:   Sun\n\n    say: why\n\n"
)
MAIL = "From 67945b59d3e7be117fb8dbe7792a94734d5a1cc1 Mon Sep 17\nSubject: [PATCH] x\n\nwords\n---\n a | 2 +-\n\n"


@pytest.mark.parametrize(
    "before",
    [COMBINED, COMMIT, MAIL, "Only in da: gone.txt\n", COMMIT + "diff --git a/b b/b\nold mode 1\nnew mode 2\n"],
)
def test_what_stands_around_hunks_is_verbatim(before: str) -> None:
    source = before + example(1, 4)
    assert COMPRESSOR.sniff(Source(source)) is Verdict.YES
    assert f"]\n{before}diff --git" in compressed(source).text


@pytest.mark.parametrize(
    "text",
    [
        "words\n" * 50,
        HEADER + "@@ -1,2 +1,2 @@\n a\n-b\nc\n+d\n",
        HEADER + "@@ -1,2 +1,1 @@\n a\n+b\n c\n",
        HEADER + "@@ -1,2 @@\n a\n-b\n",
        "@@ -1,2 +1,2 @@\nwords\nand words\n",
        "@@ -1,2 +1,2 @@\n a\n-b\n" + HEADER + "@@ -1 +1 @@\n-b\n+d\n",
        COMBINED.replace("++d", "+"),
        COMBINED,
        "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n",
        HEADER + "\x1b[36m@@ -1 +1 @@\x1b[m\n\x1b[31m-a\x1b[m\n\x1b[32m+b\x1b[m\n",
        "diff -rc a b\n*** a\n--- b\n***************\n*** 1,2 ****\n  x\n--- 1,2 ----\n  y\n",
    ],
)
def test_what_does_not_fit_is_no_diff(text: str) -> None:
    assert COMPRESSOR.sniff(Source(text, GIT_DIFF)) is Verdict.NO
    assert isinstance(COMPRESSOR.compress(Source(text, GIT_DIFF), Level.BALANCED), Kept)


@pytest.mark.parametrize(
    ("call", "verdict"),
    [
        (None, Verdict.MAYBE),
        (GIT_DIFF, Verdict.YES),
        (ToolCall("git_diff", "{}"), Verdict.YES),
        (ToolCall("bash", json.dumps({"command": "cat x.patch"})), Verdict.MAYBE),
    ],
)
def test_words_around_a_diff_leave_a_doubt_that_the_call_removes(call: ToolCall | None, verdict: Verdict) -> None:
    assert COMPRESSOR.sniff(Source("Exit code: 0\nOutput:\n" + example(1, 4), call)) is verdict
    assert COMPRESSOR.sniff(Source(example(2, 4)[:-200], call)) is verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (example(9, 9), Verdict.YES),
        (example(9, 9)[:-200], Verdict.MAYBE),
        (example(9, 9) + "-- \n2.39.2\n", Verdict.YES),
        (example(9, 9) + "make: Entering directory\ncc -c x.c\n", Verdict.MAYBE),
        (example(9, 9) + "[ 10%] Building CXX object x.o\n" * 900, Verdict.NO),
        (example(5, 9) + "words of a log\n" * 300 + example(5, 9), Verdict.NO),
        (example(5, 9) + "new words, no patch's\n" + example(5, 9), Verdict.MAYBE),
    ],
)
def test_what_stands_behind_or_inside_a_long_diff_counts(text: str, verdict: Verdict) -> None:
    assert COMPRESSOR.sniff(Source(text)) is verdict


def test_a_hunk_that_the_text_cuts_off_stays_as_it_is() -> None:
    source = example(2, 4)
    cut = source[: source.rindex("\n", 0, -200)]
    last = cut.rindex("@@ -")
    assert compressed(cut, GIT_DIFF).text.endswith(cut[last:])


def test_colours_are_removed_and_the_head_line_says_so() -> None:
    plain = example(3, 4)
    coloured = "".join(f"\x1b[1m{line}\x1b[m\n" for line in plain.splitlines())
    before, after = compressed(plain).text, compressed(coloured).text
    assert after == before.replace("left out: ", "left out: colour codes; ", 1)
    assert COMPRESSOR.is_output(after)
    assert COMPRESSOR.sniff(Source(coloured)) is Verdict.YES
    inside = plain.replace("old = 1", "old = '\x1b[1m'")
    assert "-    old = '\x1b[1m'" in compressed(inside).text


def test_a_very_large_diff_shows_no_context() -> None:
    lines = compressed(example(60, 6)).text.split("\n")
    assert not [line for line in lines if line.startswith(" ")]
    assert [line for line in compressed(example(2, 6)).text.split("\n") if line.startswith(" ")]


def test_binary_data_is_counted_where_it_stood() -> None:
    data = "zcmV;n14;a_nOER3lW12Xp)U_bMkHE\n"
    header = "diff --git a/i.png b/i.png\nindex 1111..2222\nGIT binary patch\n"
    source = f"{header}literal 950\n{data * 20}\nliteral 9\n{data}\n"
    mark = "[narrows: 20 lines of binary data left out here]"
    expected = f"{header}literal 950\n{mark}\n\nliteral 9\n{data}\n"
    assert expected in compressed(source + example(1, 3)).text


def test_an_index_line_stays_where_more_than_plain_hunks_follow_it() -> None:
    merged = "diff --cc y.py\nindex 1a,2b..3c\n--- a/y.py\n+++ b/y.py\n@@@ -1,1 -1,1 +1,1 @@@\n- a\n -b\n++c\n"
    mixed = HEADER + "@@ -1,9 +1,9 @@\n" + numbered(1, 8) + "-a\n+b\n" + merged.split("+++ b/y.py\n")[1]
    assert HEADER.split("\n")[1] in compressed(mixed).text


def test_levels_and_marks() -> None:
    assert COMPRESSOR.compress(Source(example(1, 4)), Level.LOSSLESS).reason is Reason.NOTHING_TO_SAVE  # type: ignore[union-attr]
    added = example(1, 4).replace("+    new = 2", "+[narrows: new = 2]")
    assert "+[narrows: new = 2]" in compressed(added).text
    context = example(1, 4).replace("     value_1 =", " [narrows: 1 line left out]")
    assert COMPRESSOR.compress(Source(context), Level.BALANCED).reason is Reason.LOOKS_LIKE_OURS  # type: ignore[union-attr]


def test_an_output_is_recognised_only_while_it_fits() -> None:
    text = compressed(example(5, 6)).text
    assert not COMPRESSOR.is_output(text.replace("diff of 5 files", "diff of 6 files"))
    assert not COMPRESSOR.is_output(text.replace("-    old = 1\n", "", 1))
    assert not COMPRESSOR.is_output(text + "[narrows: more]\n")


@pytest.mark.parametrize(
    ("honest", "false"),
    [
        ("+    new = 2", "+    new = 3"),
        ("@@ -6,3 +6,3 @@", "@@ -7,3 +7,3 @@"),
        ("-    old = 1\n+    new = 2\n", ""),
        ("index lines", "index  lines"),
        ("[narrows: 9 hunks left out", "[narrows: 8 hunks left out"),
        ("diff --git a/src/module_3.py b/src/module_3.py\n", ""),
        ("def function_3", "def function_4"),
    ],
)
def test_the_checker_sees_what_is_false_or_missing(honest: str, false: str) -> None:
    source = example(5, 9)
    text = compressed(source).text
    assert honest in text
    with pytest.raises((AssertionError, StopIteration)):
        check_truth(source, text.replace(honest, false, 1))


@pytest.mark.parametrize(
    "bomb",
    [
        HEADER + f"@@ -1,{9 * 10**9} +1,{9 * 10**9} @@\n" + " x\n" * 200_000,
        HEADER + "@@ -1,100000 +1,100000 @@\n" + " x\n" * 50_000 + "-a\n+b\n" + " x\n" * 49_999,
        "@@ -1 +1 @@\n-a\n+b\n" * 40_000,
        (HEADER + "@@ -1 +1 @@\n-a\n+b\n") * 8_000,
        HEADER + "@@ -1 +1 @@\n-" + "a" * 2_500_000 + "\n+" + "b" * 2_500_000 + "\n",
        "--- a\n" * 100_000 + "@@ -1 +1 @@\n-a\n+b\n",
        "GIT binary patch\nliteral 9\n" + "zcmV\n" * 100_000 + "@@ -1 +1 @@\n-a\n+b\n",
        HEADER + "@@ -1 +1 @@\n-a\n+b\nFiles" + " and" * 500_000 + "\n",
        HEADER + "@@ -1 +1 @@\n-a\n+b\nFile" + " is a while file" * 200_000 + "\n",
    ],
    ids=["no end", "much context", "hunks alone", "files", "long lines", "names", "binary", "differ", "sorts of files"],
)
def test_hostile_texts_are_decided(bomb: str) -> None:
    """Each takes hours where a step is quadratic."""
    COMPRESSOR.sniff(Source(bomb))
    COMPRESSOR.compress(Source(bomb, GIT_DIFF), Level.BALANCED)


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ("Files a and b differ", True),
        ("Files rock and roll and b differ", True),
        ("Files  and  and b differ", True),
        ("Files a and differ", False),
        ("File a is a directory while file b is a regular file", True),
        ("File what is a file is a directory while file b is a regular file", True),
        ("File a is a directory", False),
    ],
)
def test_what_gnu_diff_says_of_files_that_it_does_not_compare(line: str, known: bool) -> None:
    patch = grammar.parse(f"{line}\n{HEADER}@@ -1 +1 @@\n-a\n+b\n")
    assert patch is not None
    assert patch.unexplained == (not known)


def test_the_example_in_the_docs_is_one_of_ours() -> None:
    page = (REPOSITORY / "docs" / "forms.md").read_text()
    block = page[page.index("    [narrows: diff of") :].split("\n\n")[0]
    assert COMPRESSOR.is_output(re.sub("^    ", "", block, flags=re.MULTILINE) + "\n")


def applied(old: list[str], patch: str) -> list[str]:
    """`old` with the hunks of a one-file patch applied exactly where they say, context compared."""
    new: list[str] = []
    at = 0
    lines = iter(patch.split("\n")[:-1])
    for line in lines:
        header = re.match(r"@@ -(\d+)(?:,(\d+))? ", line)
        if header:
            start = int(header[1]) - (header[2] != "0")
            assert start >= at
            new += old[at:start]
            at = start
        elif line[:1] in (" ", "-") and not line.startswith("--- "):
            assert old[at] == line[1:]
            new += [old[at]] if line[0] == " " else []
            at += 1
        elif line.startswith("+") and not line.startswith("+++ "):
            new.append(line[1:])
    return new + old[at:]


_lines = st.lists(st.sampled_from(["a", "b", "def f():", "", "    return 1", "}", "x" * 70]), max_size=60)


@given(
    old=_lines,
    edits=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3), _lines.map(lambda new: new[:3])), max_size=5),
)
def test_the_shortened_patch_gives_the_same_lines(old: list[str], edits: list[tuple[int, int, list[str]]]) -> None:
    new = list(old)
    for at, removed, added in edits:
        new[at : at + removed] = added
    source = "\n".join(difflib.unified_diff(old, new, "a/x.py", "b/x.py", lineterm="", n=4)) + "\n"
    patch = grammar.parse(source)
    assert patch is not None
    for around in (0, 1):
        lines = [line for file in patch.files for hunk in file.hunks for line in trim(hunk, around)[0]]
        assert applied(old, "\n".join([*lines, ""])) == new


def git(folder: Path, *words: str, stdin: bytes = b"") -> bytes:
    settings = [
        "-c",
        "core.autocrlf=false",
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@y",
        "-c",
        "init.defaultBranch=main",
    ]
    done = subprocess.run(["git", *settings, *words], cwd=folder, input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@settings(max_examples=15)
@given(
    old=_lines.filter(bool),
    edits=st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 3), _lines.map(lambda new: new[:3])), min_size=1, max_size=4
    ),
    end=st.sampled_from(["\n", ""]),
)
def test_git_applies_the_shortened_patch(
    tmp_path_factory: pytest.TempPathFactory, old: list[str], edits: list[tuple[int, int, list[str]]], end: str
) -> None:
    new = list(old)
    for at, removed, added in edits:
        new[at : at + removed] = added
    folder = tmp_path_factory.mktemp("tree")
    filler = [f"filler line {n}" for n in range(60)]
    (folder / "a.txt").write_text("\n".join([*filler, *old]) + end)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    (folder / "a.txt").write_text("\n".join(["first", *filler, *new]) + "\n")
    source = git(folder, "diff", "-U9").decode()
    text = compressed(source).text
    git(folder, "checkout", "-q", "--", "a.txt")
    git(folder, "apply", "-", stdin=text.partition("\n")[2].encode())
    assert (folder / "a.txt").read_text() == "\n".join(["first", *filler, *new]) + "\n"
