"""Inputs on which a pioneer of this craft is known to fail, and what must come out instead.

Each was fed to that program and the wrong answer came back: whole lists replaced by one marker, empty strings for
tables, timestamps printed as line numbers, prose thinned out as if it were a log. What each kind does with its own text
is in its test file; here is which kind a text is taken for, and that no JSON loses anything.
"""

from __future__ import annotations

import json
import random
import string

import pytest

from narrows.classifiers.magika import MagikaClassifier
from narrows.compressors.registry import COMPRESSORS, Registry, expand
from narrows.compressors.types import Classifier, Compressed, Kept, Reason
from narrows.core.tokens import Encoding
from narrows.core.tool_call import ToolCall
from narrows.policy import Kind, Policy
from tests.compressors.json_truth import check_truth, same

O200K = Encoding("o200k_base", assumed=False)
LOOSE = Policy(json_min_bytes=512, min_saved_tokens=1, min_saved_share=0.0)
BASH = ToolCall("bash", '{"command": "./run.sh"}')


def text_of(letters: int, seed: int) -> str:
    return "".join(random.Random(seed).choices(string.ascii_lowercase, k=letters))


# --- JSON: nothing is lost --------------------------------------------------------------------------------------------

ROWS = {
    "random numbers": [{"id": i, "text": text_of(120, i), "r": random.Random(i).random()} for i in range(80)],
    "scores": [{"s": round(1 - i * 0.008, 4), "t": text_of(200, i)} for i in range(60)],
    "bodies": [
        {"id": i, "name": f"user {i}", "email": f"u{i}@ex.com", "body": "lorem ipsum " * 30 + str(i)} for i in range(60)
    ],
    "nulls": [
        {"a": None if i % 3 == 0 else ("" if i % 3 == 1 else "x"), "i": i, "s": "123" if i % 2 else 123}
        for i in range(40)
    ],
    "null, missing, empty": [{"i": i, **({}, {"a": None}, {"a": ""})[i % 3]} for i in range(40)],
    "hostile names": [{"a,b": i, "c:d}": f"v{i}", "": None, "k=v": [i]} for i in range(60)],
    "paths": [f"src/pkg{i % 20}/sub{i % 7}/module_{i}.py" for i in range(300)],
    "numbers": [i * 37 % 1000 for i in range(500)],
    "one of thirty keys": [*({"id": i} for i in range(40)), {f"key {k}": k for k in range(30)}, "text", 5, None],
    "a third errors": [
        {"id": i, "level": "error" if i % 3 == 0 else "info", "timeout": 30, "m": f"message {i}"} for i in range(60)
    ],
}


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS.keys())
@pytest.mark.parametrize("layout", ["root", "results", "pretty", "lines"])
def test_no_list_loses_anything(rows: list[object], layout: str) -> None:
    match layout:
        case "root":
            text = json.dumps(rows)
        case "results":
            text = json.dumps({"count": len(rows), "results": rows})
        case "pretty":
            text = json.dumps(rows, indent=4)
        case _:
            text = "\n".join(json.dumps({"row": row}) for row in rows)
    result = Registry(COMPRESSORS, strict=True).compress_text(text, None, LOOSE, O200K).result
    assert isinstance(result, Compressed), result
    assert result.lossless
    check_truth(text, result.text)
    expanded = expand(result.text)
    assert expanded is not None
    assert same(text, expanded)


def test_duplicate_keys_are_kept_not_merged() -> None:
    text = "[" + ",".join(f'{{"v":1,"v":{i},"pad":"pppppppppp"}}' for i in range(40)) + "]"
    result = Registry(COMPRESSORS, strict=True).compress_text(text, None, LOOSE, O200K).result
    assert result == Kept(Reason.GRAMMAR, Kind.JSON, "a key stands twice in one object")


def test_numbers_and_orders_stay_as_written() -> None:
    text = "[" + ",".join(f'{{"z":{i}e5,"a":{i}.0,"m":{2**70 + i}}}' for i in range(60)) + "]"
    result = Registry(COMPRESSORS, strict=True).compress_text(text, None, LOOSE, O200K).result
    assert isinstance(result, Compressed)
    assert result.text.split("\n")[1:3] == ["[60 rows {z a m}", f"0e5 0.0 {2**70}"]


def test_four_rows_are_not_worth_an_edit() -> None:
    """White space alone does not count as compression: the real policy keeps a small text."""
    text = json.dumps([{"id": i, "name": f"user {i}"} for i in range(4)], indent=2)
    assert isinstance(Registry(COMPRESSORS).compress_text(text, None, Policy(), O200K).result, Kept)


# --- detection --------------------------------------------------------------------------------------------------------

ISO = "\n".join(f"2024-05-01T12:{i % 60:02d}:{i % 60:02d}Z app[{i}]: user logged in id={i}" for i in range(100))
COMPILER = "\n".join(
    f"src/x{i % 4}.c:{i + 1}:9: warning: unused variable 'v{i}' [-Wunused-variable]\n   {i + 1} |     int v{i} = 0;\n"
    "      |         ^~~"
    for i in range(40)
)
RIPGREP_CONTEXT = "\n--\n".join(
    "\n".join(
        f"src/m{i}.py{mark}{number + i}{mark}{text}"
        for mark, number, text in (("-", 9, "def f():"), ("-", 10, "    x = 1"), (":", 11, f"    return g{i}(x)"))
    )
    for i in range(40)
)
PYTEST_VERBOSE = "\n".join(
    [
        "============================= test session starts ==============================",
        "platform linux -- Python 3.11.9, pytest-8.3.2, pluggy-1.5.0 -- /usr/bin/python",
        "collected 200 items",
        "",
        *(f"tests/test_mod{i % 9}.py::test_case_{i} PASSED {' ' * 30}[{i // 2:3d}%]" for i in range(200)),
        "",
        "============================= 200 passed in 3.21s ==============================",
    ]
)
PLAIN_DIFF = "".join(
    f"--- file{i}.txt\t2024-05-01 10:00:00\n+++ file{i}.new.txt\t2024-05-01 10:01:00\n@@ -1 +1 @@\n-old {i}\n+new {i}\n"
    for i in range(30)
)
SOURCE = "def f():\n" + "\n".join(
    f"    raise ValueError('error in field {i}')" if i % 6 == 0 else f"    x_{i} = compute({i}) + {i * 3}"
    for i in range(120)
)
PROSE = "\n".join(
    f"Requirement {i}: the service must not fail when the upstream returns an error; step {i} details follow."
    for i in range(60)
)
MARKDOWN = "# Notes\n\n" + "\n---\n".join(f"A **warning** about part {i}: it may fail, see below." for i in range(40))
CSV = "\n".join(f"2024-03-{1 + i % 28:02d},{i * 1.5:.2f},{i * 7 % 13},station-{i % 5}" for i in range(200))
LS = "\n".join(f"2024-05-{1 + i % 28:02d} 12:{i % 60:02d} {i * 10} file_{i}.txt" for i in range(80))
GREP = "\n".join(
    f"src/mod{i % 12}/file{i % 30}.py:{i + 1}:def handler_{i}(request): return process_{i % 9}(request)"
    for i in range(150)
)
INFO = "\n".join(f"INFO worker-{i % 7} processed job id={i * 37} in {i % 90} ms" for i in range(300))
HOSTS = "\n".join(f"host{i % 9}:8080: healthy latency={i}ms" for i in range(100))
ROWS_300 = [{"id": i, "name": f"item {i}", "ok": True} for i in range(300)]

TAKEN_FOR: dict[str, tuple[str, set[Kind]]] = {
    "ISO times": (ISO, {Kind.LOG}),
    "times of day": (ISO.replace("2024-05-01T", "").replace("Z ", " "), {Kind.LOG}),
    "host and port": (HOSTS, {Kind.LOG}),
    "compiler diagnostics": (COMPILER, {Kind.LOG}),
    "CSV with dates": (CSV, set()),
    "ls --full-time": (LS, set()),
    "source that raises": (SOURCE, set()),
    "prose of failures": (PROSE, set()),
    "Markdown with rules": (MARKDOWN, set()),
    "an object around a list": (json.dumps({"results": ROWS_300}), {Kind.JSON}),
    "JSON Lines": ("\n".join(map(json.dumps, ROWS_300)), {Kind.JSON}),
    "pretty-printed": (json.dumps(ROWS_300, indent=2), {Kind.JSON}),
    "ripgrep with context": (RIPGREP_CONTEXT, {Kind.SEARCH}),
    "grep": (GREP, {Kind.SEARCH}),
    "pytest -v": (PYTEST_VERBOSE, {Kind.LOG}),
    "INFO lines": (INFO, {Kind.LOG}),
    "short hunk headers, no a/ b/": (PLAIN_DIFF, {Kind.DIFF}),
}
"""Text, and the kinds it may be taken for; keeping it whole is always allowed."""

MUST_BE_TAKEN = {
    "an object around a list": None,
    "JSON Lines": None,
    "pretty-printed": None,
    "grep": ToolCall("bash", '{"command": "grep -rn handler src"}'),
    "pytest -v": ToolCall("bash", '{"command": "python -m pytest -v"}'),
}
"""Where keeping would be a defect as well, given the call that produced the text."""


@pytest.fixture(scope="module")
def magika() -> MagikaClassifier:
    return MagikaClassifier()


def taken_for(text: str, tool_call: ToolCall | None, classifier: Classifier | None) -> Kind | None:
    result = Registry(COMPRESSORS, classifier, strict=True).compress_text(text, tool_call, LOOSE, O200K).result
    return result.kind if isinstance(result, Compressed) else None


@pytest.mark.parametrize(("text", "kinds"), TAKEN_FOR.values(), ids=TAKEN_FOR.keys())
@pytest.mark.parametrize("tool_call", [None, BASH], ids=["no call", "a shell"])
def test_no_text_is_taken_for_another_kind(
    text: str, kinds: set[Kind], tool_call: ToolCall | None, magika: MagikaClassifier
) -> None:
    for classifier in (None, magika):
        assert taken_for(text, tool_call, classifier) in {None, *kinds}


@pytest.mark.parametrize(("name", "tool_call"), MUST_BE_TAKEN.items(), ids=MUST_BE_TAKEN.keys())
def test_what_grammars_prove_is_taken(name: str, tool_call: ToolCall | None) -> None:
    text, kinds = TAKEN_FOR[name]
    assert taken_for(text, tool_call, None) in kinds


@pytest.mark.parametrize("name", ["prose of failures", "Markdown with rules"])
def test_a_persons_prose_is_not_eligible(name: str) -> None:
    decision = Registry(COMPRESSORS).compress_text(TAKEN_FOR[name][0], None, LOOSE, O200K, grammar_only=True)
    assert isinstance(decision.result, Kept)
    assert decision.result.reason is Reason.NOT_ELIGIBLE


def test_a_read_source_file_is_never_shortened() -> None:
    read = ToolCall("bash", '{"command": "cat src/f.py"}')
    decision = Registry(COMPRESSORS).compress_text(SOURCE, read, LOOSE, O200K)
    assert isinstance(decision.result, Kept)
    assert decision.result.reason is Reason.NEVER_SHORTENED
