"""Search results: what is recognised, what is refused, and the forms, line by line."""

from __future__ import annotations

import json
import re

import pytest

from narrows.compressors.search import COMPRESSOR, drawn, events, folders, grammar, grouped, trimmed
from narrows.compressors.search.results import AsTheyWere, Group
from narrows.compressors.types import Compressed, Kept, Reason, Source, Verdict
from narrows.core.tool_call import ToolCall
from narrows.policy import Level
from tests.compressors import search_sources as made
from tests.compressors.search_forms_truth import events_of
from tests.compressors.search_truth import RG, check_truth
from tests.conftest import REPOSITORY

ISO = "\n".join(f"2024-05-01T12:{i % 60:02d}:{i % 60:02d}Z app[{i}]: user logged in id={i}" for i in range(100))
NOT_SEARCH = {
    "iso timestamps": ISO,
    "times": ISO.replace("2024-05-01T", "").replace("Z ", " "),
    "hosts with ports": "\n".join(f"host{i % 9}:8080: healthy latency={i}ms" for i in range(100)),
    "domains with ports": "\n".join(f"api{i % 9}.example.com:{443 + i % 2}: healthy" for i in range(100)),
    "csv with dates": "\n".join(
        f"2024-03-{1 + i % 28:02d},{i * 1.5:.2f},{i * 7 % 13},station-{i % 5}" for i in range(200)
    ),
    "listing": "\n".join(f"2024-05-{1 + i % 28:02d} 12:{i % 60:02d} {i * 10} file_{i}.txt" for i in range(80)),
    "info log": "\n".join(f"INFO worker-{i % 7} processed job id={i * 37} in {i % 90} ms" for i in range(300)),
    "gcc": "\n".join(f"src/x{i}.c:{i + 3}:1: warning: unused variable\n    int a;\n    ^~~" for i in range(40)),
    "gcc without carets": "\n".join(f"src/x{i}.c:{i + 3}:1: warning: unused variable" for i in range(40)),
    "mypy": "\n".join(f"src/x.py:{i + 3}: error: Incompatible types" for i in range(40)),
    "access log": "\n".join(f'127.0.0.1 - - [01/Mar/2025:{10 + i // 30}:00:02 +0000] "GET /a"' for i in range(90)),
    "syslog": "\n".join(f"May  1 12:{i % 60:02d}:07 web/1 app.py: started {i}" for i in range(90)),
    "caller prefix": "\n".join(f"{'ab'[i % 2]}/foo.go:{(i * 37) % 90 + 1}:msg {i}" for i in range(90)),
    "urls": "\n".join(f"http://example.com:80{i}:a/b" for i in range(40)),
    "prose": "\n".join(f"Requirement {i}: the service must not fail; step {i} details follow." for i in range(60)),
    "source": "def f():\n" + "\n".join(f"    x_{i} = compute({i}) + {i * 3}" for i in range(120)),
    "one file's lines": "\n".join(f"{i * 3}:class A{i}:" for i in range(1, 60)),
    "log under a path": "app/server.log\n" + "\n".join(f"2024-05-01 12:00:{i % 60:02d} up" for i in range(60)),
    "rg --json": "\n".join(json.dumps({"type": "match", "data": {"path": {"text": f"a/b{i}.py"}}}) for i in range(40)),
    "ls -R": "\n".join(f"src/d{i}:\na.py\nb.py\n" for i in range(30)),
    "words with arms": "\n".join(f"a ── b{i}.py" for i in range(30)),
}


@pytest.mark.parametrize("name", NOT_SEARCH)
def test_what_only_looks_alike_is_refused(name: str) -> None:
    assert COMPRESSOR.sniff(Source(NOT_SEARCH[name])) is Verdict.NO


@pytest.mark.parametrize("name", sorted(NOT_SEARCH.keys() - {"caller prefix", "domains with ports", "rg --json"}))
def test_the_tool_call_does_not_make_a_log_a_search(name: str) -> None:
    assert COMPRESSOR.sniff(Source(NOT_SEARCH[name], RG)) is Verdict.NO


GREP = "".join(f"src/mod{i // 30}/file{i // 5}.py:{i % 5 * 7 + 1}:def handler_{i}(request):\n" for i in range(150))


LONG_NOT_SEARCH = {
    "stamped build": "\n".join(
        f"2026-05-04T10:00:{i % 60:02d}.4Z [ 1%] Building src/web/a_{i}.cc" for i in range(2000)
    ),
    "messages": "\n".join(f"src/x{i}.c:{i + 3}:1: warning: unused variable" for i in range(2000)),
    "words, then results": "words of no sort, src/web/a.c:12: and so on\n" * 200 + made.LARGE,
    "paths of objects": "\n".join(f"  CC /usr/src/linux/drivers/net/a_{i}.o" for i in range(3000)),
}


@pytest.mark.parametrize("name", LONG_NOT_SEARCH)
def test_a_long_text_is_refused_by_its_beginning(name: str) -> None:
    assert COMPRESSOR.sniff(Source(LONG_NOT_SEARCH[name], RG)) is Verdict.NO


@pytest.mark.parametrize(
    "text",
    [
        made.LARGE,
        made.LARGE.replace(":", ":7:", 40),
        "".join(f"grep: /etc/ssl/private/key_{i}: Permission denied\n" for i in range(60)) + made.LARGE,
        "".join(f"src/app/f{i}.min.js:1:{'x' * 9000}\n" for i in range(9)) + made.LARGE,
    ],
)
def test_a_long_text_is_read_on_where_it_begins_with_what_the_tools_print(text: str) -> None:
    assert COMPRESSOR.sniff(Source(text, RG)) is Verdict.YES


@pytest.mark.parametrize(
    "call",
    [None, RG, ToolCall("grep", '{"pattern": "x"}'), ToolCall("bash", '{"command": "make"}'), ToolCall("x", "{")],
)
def test_results_are_recognised_with_and_without_evidence(call: ToolCall | None) -> None:
    assert COMPRESSOR.sniff(Source(GREP, call)) is Verdict.YES


def test_an_envelope_leaves_a_doubt_without_evidence() -> None:
    wrapped = "Exit code: 0\nWall time: 0.1 seconds\nOutput:\n" + GREP
    assert COMPRESSOR.sniff(Source(wrapped)) is Verdict.MAYBE
    assert COMPRESSOR.sniff(Source(wrapped, RG)) is Verdict.YES
    shortened = compressed(wrapped, call=RG)
    assert "[narrows: the next 3 lines as in the source]\nExit code: 0\n" in shortened.text
    assert COMPRESSOR.expand(shortened.text) == wrapped


def test_every_file_and_match_of_the_executed_input_is_kept() -> None:
    """150 matches in 60 files of which another compressor kept six lines of two files."""
    source = "\n".join(
        f"src/mod{i % 12}/file{i % 30}.py:{i + 1}:def handler_{i}(request): return process_{i % 9}(request)"
        for i in range(150)
    )
    assert COMPRESSOR.sniff(Source(source)) is Verdict.YES
    shortened = compressed(source, call=RG)
    assert shortened.text.startswith(
        "[narrows: search results grouped by file: 150 match lines in 60 files; the lines of each file brought "
        "together in their order, the order between files is lost; every line kept]\n"
        "\nsrc/mod0/file0.py\n1:def handler_0("
    )
    assert not shortened.lossless
    by_file = "\n".join(sorted(source.split("\n"), key=lambda line: line.partition(":")[0]))
    assert COMPRESSOR.expand(compressed(by_file).text) == by_file


def compressed(text: str, call: ToolCall | None = None, level: Level = Level.BALANCED) -> Compressed:
    result = COMPRESSOR.compress(Source(text, call), level)
    assert isinstance(result, Compressed), result
    check_truth(text, result.text)
    return result


def test_the_plain_form() -> None:
    source = (
        "src/alpha/one.py:3:import os\n"
        "src/alpha/one.py:17:    os.getcwd()\n"
        "src/alpha/one.py:40:    os.getcwd()\n"
        "a/two.py:1:import os\r\n"
        "grep: a/x.bin: binary file matches\n"
    )
    text, _ = grouped.encode(grammar.parse(source))
    assert text == (
        "[narrows: search results grouped by file: 4 match lines in 2 files; a text that a file has at several lines "
        "stands once, after all its line numbers; lossless: nothing left out]\n"
        "\n"
        "src/alpha/one.py\n"
        "3:import os\n"
        "17,40:    os.getcwd()\n"
        "\n"
        "a/two.py\n"
        "1:import os\r\n"
        "[narrows: the next 1 line as in the source]\n"
        "grep: a/x.bin: binary file matches\n"
    )
    check_truth(source, text)
    assert grouped.decode(text) == source


def test_the_context_form_keeps_the_tools_separators() -> None:
    source = "a/b.py-1-x\na/b.py:2:y\n--\na/b.py-8-z\na/b.py:9:y\n--\nc/d-3-e.py:4:q\nc/d-3-e.py-5-r\n"
    text, _ = grouped.encode(grammar.parse(source))
    assert text.split("\n\n")[1:] == ["a/b.py\n1-x\n2:y\n--\n8-z\n9:y\n--", "c/d-3-e.py\n4:q\n5-r\n"]
    assert "3 match lines, 3 context lines in 2 files" in text
    assert grouped.decode(text) == source


def test_the_heading_form_keeps_paths_whole() -> None:
    source = "lib/long/folder/a.py\n1:x\n\nlib/long/folder/b.py\n2-y\n3:z\n--\n9:z\n"
    text, _ = grouped.encode(grammar.parse(source))
    assert text == (
        "[narrows: search results under their file headings: 3 match lines, 1 context line in 2 files; lossless: "
        "nothing left out]\n"
        "\nlib/long/folder/a.py\n1:x\n\nlib/long/folder/b.py\n2-y\n3:z\n--\n9:z\n"
    )
    assert grouped.decode(text) == source


def test_every_path_of_grouped_results_stands_in_full() -> None:
    shortened = compressed(GREP)
    assert all(line.partition(":")[0] in shortened.text for line in GREP.splitlines())


def test_the_folder_form() -> None:
    source = "top.py\nsrc/core/a.py\nsrc/core/b.py\nsrc/a.py\nend.py\nsrc/core/c.py\nsrc/x/d.py\nsrc/x/e.py\n"
    paths = folders.parse(source)
    assert paths is not None
    text, _ = folders.encode(paths)
    assert text == (
        "[narrows: 8 paths grouped by folder, each folder once above its names; lossless: nothing left out]\n"
        "top.py\n\nsrc/core/\na.py\nb.py\n\nsrc/\na.py\n[narrows: the next 1 line as in the source]\nend.py\n\n"
        "src/core/\nc.py\n\nsrc/x/\nd.py\ne.py\n"
    )
    check_truth(source, text)
    assert folders.decode(text) == source


def test_a_list_of_paths_is_given_up_at_the_seventh_line_that_is_none() -> None:
    paths = [f"src/package/module_{i}.py" for i in range(20)]
    assert folders.parse("\n".join(["- words"] * 6 + paths)) is not None
    assert folders.parse("\n".join(["- words"] * 7 + paths)) is None


def test_a_list_that_one_acts_on_is_kept() -> None:
    paths = [f"src/package/folder_{i // 40}/module_{i}.py" for i in range(400)]
    short, long = "\n".join(paths[:100]), "\n".join(paths * 2)
    assert isinstance(COMPRESSOR.compress(Source(short, RG), Level.BALANCED), Kept)
    assert compressed(long, RG).lossless


def test_a_tree_is_drawn_by_indentation() -> None:
    source = (
        "src\n├── a\n│   ├── b.py\n│   └── c\n│       └── d.py\n└── e v1 (*)\n    └── f.py\n\n2 directories, 3 files\n"
    )
    shortened = COMPRESSOR.compress(Source(source), Level.LOSSLESS)
    assert isinstance(shortened, Kept)  # the head line is longer than what it saves
    found = drawn.encode(source, drawn.style_of(source))  # type: ignore[arg-type]
    assert found is not None
    assert found[0] == (
        "[narrows: tree of 9 lines, two blanks for each level instead of lines drawn with plain blanks; lossless: "
        "nothing left out]\n"
        "src\n  a\n    b.py\n    c\n      d.py\n  e v1 (*)\n    f.py\n\n2 directories, 3 files\n"
    )
    check_truth(source, found[0])
    assert COMPRESSOR.expand(found[0]) == source


@pytest.mark.parametrize("cut", ["a tree that goes on below", "a name that begins with blanks"])
def test_a_tree_that_would_not_come_back_is_kept(cut: str) -> None:
    end = "├── last.py\n" if cut.endswith("below") else "└──   last.py\n"
    source = "src\n" + "├── module.py\n" * 60 + end
    assert isinstance(COMPRESSOR.compress(Source(source), Level.BALANCED), Kept)


def test_the_events_of_rg_are_grouped_by_file() -> None:
    lines = events_of("src/a b.py", [(3, "import os"), (4, '    os.getcwd() + "ü"')])
    source = "\n".join([*lines * 9, "summary"]) + "\n"
    found = events.encode(source, may_leave_out=False)
    assert found is not None
    text, _, lossless = found
    assert lossless
    assert text.startswith(
        "[narrows: rg --json results grouped by file: 9 match lines, 9 context lines in 1 file; each line is "
        "number@byte offset[byte span of each match]:text, context with - for :; lossless: nothing left out]\n"
        '\nsrc/a b.py\n3@0-import os\n4@30[0-4]:    os.getcwd() + "ü"\n'
        "end: 70 bytes searched in 54100 ns, 77 printed\n\nsrc/a b.py\n3@0-import os\n"
    )
    assert text.endswith("printed\n[narrows: the next 1 line as in the source]\nsummary\n")
    check_truth(source, text)
    assert COMPRESSOR.expand(text) == source


def test_events_that_nearly_fit_stay_as_they_were() -> None:
    lines = events_of("a.py", [(n, f"value {n}") for n in range(1, 40)])
    lines[5] = lines[5].replace('"end":4', '"end":3')
    lines[9] = lines[9].replace('"line_number":', '"line_number": ')
    shortened = compressed("\n".join(lines))
    assert lines[5] in shortened.text
    assert lines[9] in shortened.text
    assert COMPRESSOR.expand(shortened.text) == "\n".join(lines)
    assert COMPRESSOR.sniff(Source("\n".join(lines))) is Verdict.EXACT


def test_events_of_long_lines_are_counted() -> None:
    source = "\n".join(events_of("a.js", [(1, "x"), (4, "y" * 50_000), (7, "z" * 1100), (8, "x")]))
    shortened = compressed(source)
    assert "left out under each file: 2 lines over 1000 characters]" in shortened.text.split("\n")[0]
    assert shortened.text.endswith("[narrows: left out here: 2 lines over 1000 characters at 4, 7]")
    assert COMPRESSOR.is_output(shortened.text)
    whole = COMPRESSOR.compress(Source(source), Level.LOSSLESS)
    assert isinstance(whole, Compressed)
    assert COMPRESSOR.expand(whole.text) == source


def test_a_line_of_just_the_length_is_not_long_and_so_many_numbers_are_listed() -> None:
    fits = "x" * (1000 - len("1:"))
    source = f"1:{fits}\n" + "".join(f"{number}:{'y' * 2000}\n" for number in range(2, 14))
    assert compressed(source, RG).text.split("\n")[1:] == [
        f"1:{fits}",
        f"[narrows: left out here: 12 lines over 1000 characters at {', '.join(map(str, range(2, 14)))}]",
        "",
    ]
    more = compressed(source + f"14:{'y' * 2000}\n", RG).text
    assert more.endswith("[narrows: left out here: 13 lines over 1000 characters from line 2 to 14]\n")


def test_long_lines_of_an_unnamed_file_are_counted_where_the_call_says_search() -> None:
    source = "1:/*! license */\n2:" + "x" * 60_000 + "\n9-end\n"
    assert COMPRESSOR.sniff(Source(source)) is Verdict.NO
    assert compressed(source, RG).text == (
        "[narrows: search results without a file name: 2 match lines, 1 context line in 1 file; left out and counted "
        "under each file: 1 line over 1000 characters]\n"
        "1:/*! license */\n9-end\n[narrows: left out here: 1 line over 1000 characters at 2]\n"
    )
    assert isinstance(COMPRESSOR.compress(Source(source, RG), Level.LOSSLESS), Kept)
    assert COMPRESSOR.sniff(Source(source.replace("9-", "1-"), RG)) is Verdict.NO


def test_colours_are_removed_and_the_head_line_says_so() -> None:
    source = "".join(f"\x1b[35m\x1b[Ka.py\x1b[m\x1b[K:\x1b[32m{n}\x1b[0m:    x = {n}\n" for n in range(1, 30))
    shortened = compressed(source, RG)
    assert shortened.text.startswith(
        "[narrows: search results grouped by file: 29 match lines in 1 file; colour codes removed; every line kept]\n"
        "\na.py\n1:    x = 1\n"
    )
    assert not shortened.lossless
    assert COMPRESSOR.is_output(shortened.text)
    assert isinstance(COMPRESSOR.compress(Source(source, RG), Level.LOSSLESS), Kept)


def test_a_path_list_with_line_numbers_or_sizes_is_no_path_list() -> None:
    assert COMPRESSOR.sniff(Source("\n".join(f"{i} src/pkg/a{i}.py" for i in range(50)), RG)) is Verdict.NO
    assert COMPRESSOR.sniff(Source("\n".join(f"https://a.b/c/{i}.py" for i in range(50)), RG)) is Verdict.NO


@pytest.mark.parametrize(
    ("line", "path", "entry"),
    [
        ("src/a.py:3:5:x", "src/a.py", "3:5:x"),
        (r"C:\x\y.c:12:text", r"C:\x\y.c", "12:text"),
        ("app/[slug]/page.tsx:7:a(:8:b", "app/[slug]/page.tsx", "7:a(:8:b"),
        ("ünï/tëxt.txt:2:at 12:30:45", "ünï/tëxt.txt", "2:at 12:30:45"),
        ("x-12-y.txt:1:x-1-token", "x-12-y.txt", "1:x-1-token"),
        ("a/b c.txt:1:é\u2028x", "a/b c.txt", "1:é\u2028x"),
        ("a.py:10:    x = d[1:2:3]", "a.py", "10:    x = d[1:2:3]"),
    ],
)
def test_paths_are_read_exactly(line: str, path: str, entry: str) -> None:
    assert grammar.parse(line).blocks == [Group(path, [entry])]


@pytest.mark.parametrize(
    "line",
    [
        "hostile/a:b/c:1:d.txt:1:token",
        "log.txt:5:src/main.py:42:error",
        "a\tb.py:3:x",
        "x\x1b[35ma.py\x1b[0m:3:x",
        "a.py:03:x",
        "a.py:0:x",
        "File a/b.py:3:x",
    ],
)
def test_what_cannot_be_read_exactly_stays_as_it_was(line: str) -> None:
    if line.startswith("File "):
        assert not [g for g in grammar.parse(line).groups if g.path == "b.py"]
    else:
        assert grammar.parse(line).blocks == [AsTheyWere([line])]


def test_a_doubtful_path_is_proven_by_rising_numbers() -> None:
    lines = ["log.txt:5:src/main.py:42:error", "log.txt:9:src/main.py:42:error"]
    assert [group.path for group in grammar.parse("\n".join(lines)).groups] == ["log.txt"]
    lines = ["a:b/c:1:d.txt:1:token", "a:b/c:1:d.txt:2:token"]
    assert grammar.parse("\n".join(lines)).blocks == [AsTheyWere(lines)]


def test_a_context_line_is_never_read_as_a_match() -> None:
    lines = ["src/x.py-12-see a:3:b", "src/x.py:13:y", "--", "src/x.py-20-see a:3:b"]
    blocks = grammar.parse("\n".join(lines)).blocks
    assert blocks == [Group("src/x.py", ["12-see a:3:b", "13:y", "--"]), AsTheyWere(["src/x.py-20-see a:3:b"])]


def test_a_lone_context_line_of_a_path_that_holds_a_number_stays_as_it_was() -> None:
    lone = "src/c:1:d/b c.txt-42-x"
    blocks = grammar.parse(f"{lone}\n--\nsrc/a.py:3:y\nsrc/a.py-4-z\n--\nsrc/a.py:9:x[1:2:3]\n").blocks
    assert blocks[0] == AsTheyWere([lone, "--"])
    assert blocks[1] == Group("src/a.py", ["3:y", "4-z", "--", "9:x[1:2:3]"])


def test_large_results_name_every_file_and_count_what_each_lost() -> None:
    source = "".join(
        f"pkg/m{i}.py{s}{n}{s}{'def ' if n == 44 else ''}{'x' * 70}{n % 50}\n"
        for i in range(12)
        for n in range(1, 400)
        for s in [":" if n % 2 else "-"]
    )
    lossless = compressed(source, RG, Level.LOSSLESS)
    assert lossless.lossless
    assert COMPRESSOR.expand(lossless.text) == source
    shortened = compressed(source, RG)
    assert not shortened.lossless
    assert len(shortened.text) < trimmed.ENOUGH_CHARACTERS * 1.2
    assert shortened.text.count("[narrows: left out here: ") == 12
    assert "left out and counted under each file: " in shortened.text.split("\n", 1)[0]
    assert COMPRESSOR.expand(shortened.text) is None
    assert COMPRESSOR.is_output(shortened.text)


def test_an_empty_line_that_comes_to_stand_last_can_be_seen() -> None:
    lines = [f"src/{name}.py:{n}:    value = {n}" for n in range(1, 20) for name in ("one", "two")]
    shortened = compressed("\n".join([*lines[:-1], "", lines[-1]]), RG)
    assert shortened.text.endswith("[narrows: the next 1 line as in the source]\n\n")


def test_first_last_and_definitions_outlive_the_others() -> None:
    rows = [f"a/b.py:{n}:{'def f' if n % 500 == 7 else 'x = '}{n}{'p' * 60}" for n in range(1, 6000)]
    shortened = compressed("\n".join(rows), RG)
    kept = set(shortened.text.split("\n"))
    for n in (1, 5999, *range(7, 6000, 500)):
        assert rows[n - 1].removeprefix("a/b.py:") in kept


def test_long_lines_are_left_out_whole_and_counted_where_they_stood() -> None:
    source = "".join(f"web/m{i}.js:{n}:{'y' * (4000 if n == 7 else 30)}\n" for i in range(6) for n in (3, 7, 9))
    shortened = compressed(source, RG)
    assert shortened.text.count("[narrows: left out here: 1 line over 1000 characters at 7]") == 6
    assert compressed(source, RG, Level.LOSSLESS).lossless


def test_a_text_that_looks_like_ours_is_kept() -> None:
    result = COMPRESSOR.compress(Source(GREP + "a/[narrows: x]:3:y\n", RG), Level.BALANCED)
    assert isinstance(result, Kept)
    assert result.reason is Reason.LOOKS_LIKE_OURS


def test_figures_of_an_output_are_checked_when_it_is_recognised() -> None:
    text = compressed(GREP).text
    assert COMPRESSOR.is_output(text)
    assert not COMPRESSOR.is_output(text.replace("150 match", "151 match"))
    assert not COMPRESSOR.is_output(text.replace("1:def handler_0(request):", "def handler_0(request):"))
    assert not COMPRESSOR.is_output("\n".join(text.split("\n")[1:]))


@pytest.mark.parametrize(
    ("honest", "false"),
    [
        ("\n1:def handler_0(", "\n2:def handler_0("),
        ("150 match lines", "149 match lines"),
        ("handler_149", "handler_148"),
        ("file29.py", "file28.py"),
    ],
)
def test_the_checker_sees_a_false_line(honest: str, false: str) -> None:
    text = compressed(GREP).text
    assert honest in text
    with pytest.raises(AssertionError):
        check_truth(GREP, text.replace(honest, false))


@pytest.mark.parametrize(
    "bomb",
    [
        "a/b.py:1:" + ":1" * 50_000,
        "\n".join("a/b-" + "-".join(map(str, range(1, 60))) for _ in range(3000)),
        "\n".join(f"a/b.py-{i}-x" for i in range(1, 30_000)) + "\n--\n",
        "\n".join("a" * 400 + ":" for _ in range(3000)),
        "\n".join(f"a/{'x:' * 200}{i}:y" for i in range(3000)),
        "a/b.py:7:same text here\n" * 20_000,
        "--\n" * 50_000,
        "src/a.py:x\n" * 15_000 + "--\nsrc/a.py:x\n" * 15_000,
        "src/a.py:" + ":" * 500_000,
        "1:\n" * 50_000,
        "x" * 5_000_000,
        "12:01:01 up\n" * 30_000,
        "".join(f"{i % 60}:{i % 60}:01 up\n" for i in range(30_000)),
        "\n".join("    " * (i % 4000) + "├── x" for i in range(4000)),
        "\x1b[1m" * 60_000 + "a",
        '{"type":"begin","data":{"path":{"text":"a"}}}\n' * 20_000,
    ],
    ids=[
        "colons",
        "dashes",
        "context without a match",
        "no number",
        "many colons",
        "repeats",
        "separators",
        "blocks without numbers",
        "a path and colons",
        "numbers",
        "one line",
        "times",
        "many times",
        "deep tree",
        "colours",
        "files without lines",
    ],
)
def test_hostile_texts_are_decided(bomb: str) -> None:
    """Each takes hours where a step is quadratic."""
    for call in (RG, None):
        COMPRESSOR.sniff(Source(bomb, call))
        result = COMPRESSOR.compress(Source(bomb, call), Level.BALANCED)
        if isinstance(result, Compressed) and result.lossless:
            assert COMPRESSOR.expand(result.text) == bomb


def examples_in_docs() -> list[str]:
    """The indented blocks of the page on forms that begin with a head line of ours; a block ends before the line that
    stands for nothing indented, empty lines inside it aside."""
    page = (REPOSITORY / "docs" / "forms.md").read_text()
    blocks = re.findall(r"(?:^(?:    .*)?\n)+", page, re.MULTILINE)
    texts = [re.sub("^    ", "", block, flags=re.MULTILINE).strip("\n") + "\n" for block in blocks]
    heads = re.compile(r"\[narrows: (?:search results|rg --json|tree of|\d+ paths)")
    return [text.partition("\n\ntext  ")[0].rstrip("\n") + "\n" for text in texts if heads.match(text)]


def test_the_examples_in_the_docs_decode() -> None:
    examples = examples_in_docs()
    assert len(examples) == 5
    page = (REPOSITORY / "docs" / "forms.md").read_text()
    for example in examples:
        source = COMPRESSOR.expand(example)
        assert source is not None, example
        check_truth(source, example)
        if example.startswith(("[narrows: search", "[narrows: tree")):
            assert re.sub("^(?=.)", "    ", source, flags=re.MULTILINE) in page
