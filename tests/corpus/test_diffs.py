"""The recorded diffs: shortened, they still give the same trees, names and figures."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from pathlib import Path

import pytest

from narrows.compressors import marks
from narrows.compressors.diff import COMPRESSOR
from narrows.compressors.diff.shortened import LARGE_CHARACTERS
from narrows.compressors.types import Compressed, Source, Verdict
from narrows.core.tool_call import ToolCall
from narrows.policy import Level
from tests.compressors.diff_truth import check_truth

NO_DIFF = re.compile(
    r"own-(?:stat|numstat|name|summary|word|compact|raw|dirstat)|log-(?:stat|oneline|name|short|num)|plain-[cnyq]$|status"
)


def rows(corpus: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (corpus / "diffs" / "index.jsonl").read_text().splitlines()]


def text_of(corpus: Path, row: dict[str, object]) -> str:
    """Bytes that are not UTF-8 come back as they were."""
    return (corpus / "diffs" / str(row["file"])).read_bytes().decode(errors="surrogateescape")


def call_of(row: dict[str, object]) -> ToolCall:
    return ToolCall("bash", json.dumps({"command": row["command"]}))


def shortened(corpus: Path, row: dict[str, object]) -> str | None:
    result = COMPRESSOR.compress(Source(text_of(corpus, row), call_of(row)), Level.BALANCED)
    return result.text if isinstance(result, Compressed) else None


def test_outputs_are_true(corpus: Path) -> None:
    count = 0
    for row in rows(corpus):
        output = shortened(corpus, row)
        if output is not None:
            check_truth(text_of(corpus, row), output)
            assert COMPRESSOR.is_output(output)
            count += 1
    assert count > 25


def test_what_is_no_unified_diff_is_left_alone(corpus: Path) -> None:
    names = [str(row["id"]) for row in rows(corpus) if NO_DIFF.search(str(row["id"]))]
    assert len(names) > 12
    for row in rows(corpus):
        verdict = COMPRESSOR.sniff(Source(text_of(corpus, row), call_of(row)))
        if row["id"] in names:
            assert verdict is Verdict.NO, row["id"]
        elif row.get("appliable") and "\n@@ " in text_of(corpus, row):
            assert verdict is Verdict.YES, row["id"]


def sections(text: str) -> list[str]:
    """The file diffs of a git diff; no line of a hunk begins like one."""
    return re.split(r"^(?=diff --git )", text, flags=re.MULTILINE)[1:]


def numstat(section: str) -> tuple[int, int]:
    """Added and removed lines of a file diff, those that its mark counts included."""
    counted = re.search(r"^\[narrows: [0-9]+ hunks? left out here, \+([0-9]+) -([0-9]+) lines", section, re.MULTILINE)
    if counted:
        return int(counted[1]), int(counted[2])
    _, at, body = section.partition("\n@@ ")
    lines = (at + body).split("\n")
    return sum(line.startswith("+") for line in lines), sum(line.startswith("-") for line in lines)


def test_names_and_figures_of_every_file_stay(corpus: Path) -> None:
    equal = 0
    for row in rows(corpus):
        output = shortened(corpus, row) if row.get("appliable") else None
        if output is None:
            continue
        assert [section.split("\n")[0] for section in sections(output)] == [
            section.split("\n")[0] for section in sections(text_of(corpus, row))
        ]
        figures = sorted(map(numstat, sections(output)))
        assert figures == sorted(map(numstat, sections(text_of(corpus, row)))), row["id"]
        gold = sorted((stat["added"] or 0, stat["deleted"] or 0) for stat in row["numstat"])  # type: ignore[attr-defined]
        if (
            len(gold) == len(figures) and "copy from" not in output
        ):  # the gold takes a copy for a new file, a rename for two
            assert figures == gold, row["id"]
            equal += 1
    assert equal > 10


def git(folder: Path, *words: str, stdin: bytes = b"") -> str:
    done = subprocess.run(
        ["git", "-c", "core.autocrlf=false", *words], cwd=folder, input=stdin, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode(errors="surrogateescape")


def write_base(folder: Path, files: dict[str, dict[str, str]]) -> None:
    for name, entry in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = entry["text"].encode() if "text" in entry else base64.b64decode(entry["base64"])
        if entry["mode"] == "120000":
            path.symlink_to(content.decode())
        else:
            path.write_bytes(content)
            path.chmod(0o755 if entry["mode"] == "100755" else 0o644)


def tree(folder: Path) -> dict[str, tuple[str, str]]:
    listing = git(folder, "ls-files", "-s", "-z").split("\0")[:-1]
    return {line.split("\t", 1)[1]: (line.split()[0], line.split()[1]) for line in listing}


def names_in(section: str) -> set[str]:
    return set(re.findall(r"^(?:---|\+\+\+) (?:[ab]/)?(.+)$", section, re.MULTILINE)) | set(
        re.findall(r"^diff --git a/(.+) b/\1$", section, re.MULTILINE)
    )


def test_the_shortened_patch_gives_the_same_tree(corpus: Path, tmp_path: Path) -> None:
    """Marks are removed, and the file diffs that hold one; every other file must come out as the gold says."""
    compared = patches = 0
    for row in rows(corpus):
        output = shortened(corpus, row) if row.get("appliable") else None
        if output is None:
            continue
        whole = [section for section in sections(output) if not any(map(marks.is_mark, section.split("\n")))]
        reduced = {name for section in sections(output) if section not in whole for name in names_in(section)}
        folder = tmp_path / str(row["id"])
        folder.mkdir()
        git(folder, "init", "-q")
        write_base(folder, json.loads((corpus / "diffs" / str(row["base"])).read_text())["files"])
        git(folder, "add", "-A")
        command = str(row["apply_command"]).split()[1:]
        if len(output) > LARGE_CHARACTERS // 2:  # no context is left in such a diff
            command.insert(1, "--unidiff-zero")
        if not whole:  # its only change is told by a mark
            continue
        git(folder, *command, "-", stdin="".join(whole).encode(errors="surrogateescape"))
        after = tree(folder)
        for name, gold in row["after"].items():  # type: ignore[attr-defined]
            if name in reduced:
                continue
            assert after.get(name) == (None if gold is None else (gold["mode"], gold["blob"])), (row["id"], name)
            compared += 1
        patches += 1
    assert patches >= 15
    assert compared > 150


@pytest.mark.parametrize("folder", ["logs", "search/out", "prose", "json"])
def test_other_texts_are_not_taken_for_diffs(corpus: Path, folder: str) -> None:
    taken = [
        path.name
        for path in sorted((corpus / folder).rglob("*"))
        if path.is_file() and COMPRESSOR.sniff(Source(path.read_bytes().decode(errors="replace"))) is Verdict.YES
    ]
    assert not [name for name in taken if "diff" not in name and "git" not in name], taken
