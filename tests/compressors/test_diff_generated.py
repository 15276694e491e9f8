"""What no person reads a diff of, and what is said of it."""

from __future__ import annotations

import pytest

from narrows.compressors.diff import COMPRESSOR, generated
from narrows.compressors.diff.patch import FileDiff, Hunk
from narrows.compressors.types import Compressed, Kept, Reason, Source
from narrows.policy import Level
from tests.compressors.diff_sources import example
from tests.compressors.diff_truth import check_truth


def compressed(text: str) -> Compressed:
    result = COMPRESSOR.compress(Source(text), Level.BALANCED)
    assert isinstance(result, Compressed), result
    check_truth(text, result.text)
    assert COMPRESSOR.is_output(result.text)
    return result


def lock(characters: int) -> str:
    body = "".join(f'+    "integrity": "sha512-{n}{"x" * 60}",\n' for n in range(characters // 80))
    name = "web/package-lock.json"
    return f"diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n@@ -1 +1,{characters // 80 + 1} @@\n {{\n{body}"


def test_lock_files_become_a_counted_line_unless_they_are_all_there_is() -> None:
    shortened = compressed(example(1, 4) + lock(4000))
    assert shortened.text.endswith(
        "+++ b/web/package-lock.json\n[narrows: 1 hunk left out here, +50 -0 lines: lock file]\n"
    )
    assert "every changed line kept except where a mark counts them; left out: " in shortened.text
    assert "1 hunk of lock, generated or minified files" in shortened.text
    assert COMPRESSOR.compress(Source(lock(4000)), Level.BALANCED) == Kept(Reason.NOTHING_TO_SAVE, COMPRESSOR.kind)
    assert lock(1000).split("@@")[2] in compressed(example(1, 4) + lock(1000)).text


@pytest.mark.parametrize(
    ("path", "sort"),
    [
        ("b/Cargo.lock", "lock file"),
        ("b/a/yarn.lock", "lock file"),
        ("b/my-yarn.lock", ""),
        ("b/yarn.lock.py", ""),
        ("b/x.min.js", "generated file"),
        ("b/api_pb2.py", "generated file"),
        ("b/node_modules/a/index.js", "generated file"),
        ("b/src/main.py", ""),
        ('"b/\\303\\274.min.css"', "generated file"),
    ],
)
def test_which_files_no_person_reads(path: str, sort: str) -> None:
    hunk = Hunk("@@ -0,0 +1,50 @@", 1, 1, "", "", ["+" + "x" * 60] * 50, "+" * 50)
    assert generated.sort_of(FileDiff([f"--- {path}", f"+++ {path}"], [hunk])) == sort
    assert generated.sort_of(FileDiff([f"--- {path}", "+++ /dev/null"], [hunk])) == sort


def test_a_small_change_of_such_a_file_is_shown() -> None:
    for more, sort in ((0, "lock file"), (-1, "")):
        hunk = Hunk("@@ -0,0 +1 @@", 1, 1, "", "", ["+" + "x" * (generated.MIN_CHARACTERS - 1 + more)], "+")
        assert generated.sort_of(FileDiff(["+++ b/yarn.lock"], [hunk])) == sort


@pytest.mark.parametrize(
    ("old", "new"), [(sign * size, sign * (4195 - size)) for sign in "y-" for size in (2095, 2100)]
)
def test_the_place_of_a_letter_more_or_less_among_equal_ones_is_told(old: str, new: str) -> None:
    hunk = Hunk("@@ -7 +7 @@", 7, 7, "", "", ["-" + old, "+" + new], "-+")
    place = generated.only_place(FileDiff(["+++ b/app.js"], [hunk]))
    assert place is not None
    assert place.line == 7
    start = place.character - 1
    assert old[:start] + place.new + old[start + len(place.old) :] == new


def test_lines_of_minified_length_are_counted() -> None:
    hunk = Hunk("@@ -1 +1 @@", 1, 1, "", "", ["-" + "x" * 3000, "+" + "y" * 3000], "-+")
    assert generated.sort_of(FileDiff(["+++ b/app.js"], [hunk])) == "minified lines"


@pytest.mark.parametrize("end", ["", "\\ No newline at end of file\n"])
def test_the_one_place_changed_in_a_long_line_is_told(end: str) -> None:
    """Then nothing else has to remain."""
    words = [f"k{i}=value_{i}" for i in range(600)]
    old = ",".join(words)
    new = old.replace("k300=value_300,", 'k300="x\\",')
    header = "diff --git a/app.js b/app.js\nindex 1..2 100644\n--- a/app.js\n+++ b/app.js\n"
    source = f"{header}@@ -12,3 +12,3 @@ f\n a\n-{old}\n{end}+{new}\n{end}" + (" b\n" if not end else "")
    source = source.replace("-12,3 +12,3", "-12,2 +12,2") if end else source
    place = f'in line 13 from character {old.index("value_300,") + 1} on "value_300" became "\\"x\\\\\\""'
    assert compressed(source).text == (
        "[narrows: diff of 1 file, every changed line kept except where a mark counts them; left out: 1 hunk of lock, "
        f"generated or minified files]\n{header}"
        f"[narrows: 1 hunk left out here, +1 -1 lines: minified lines; {place}]\n"
    )
    for other in (new[::-1], old):
        many = source.replace(f"+{new}", f"+{other}")
        assert COMPRESSOR.compress(Source(many), Level.BALANCED) == Kept(Reason.NOTHING_TO_SAVE, COMPRESSOR.kind)
