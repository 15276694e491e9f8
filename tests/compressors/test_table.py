"""Tables and listings: what is one, what is none, the form of each layout, rows left out, hostile texts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from narrows.compressors.bulky_rows import Bulk
from narrows.compressors.registry import COMPRESSORS, Registry, compress_text, expand
from narrows.compressors.table import COMPRESSOR, SNIFFED, TableCompressor
from narrows.compressors.table.layouts import Pad, read_layout, read_pads
from narrows.compressors.table.notation import declared, header, read, split, written, written_name
from narrows.compressors.types import Compressed, Kept, Reason, Source, Verdict
from narrows.core.tokens import Encoding
from narrows.core.tool_call import ToolCall
from narrows.policy import Kind, Level, Policy
from tests.compressors import table_sources as made
from tests.compressors.table_truth import check_truth

ENCODING = Encoding("o200k_base", assumed=False)
SMALL = TableCompressor(Bulk(rows=6, characters=60, head_characters=30))
NAMES, ROWS = ["id", "name", "status"], [[str(8 + i), f"n {i}", "open"] for i in range(30)]


def shell(command: str) -> ToolCall:
    return ToolCall("bash", json.dumps({"command": command}))


def lossless(text: str) -> list[str]:
    result = COMPRESSOR.compress(Source(text), Level.LOSSLESS)
    assert isinstance(result, Compressed), result
    assert result.lossless
    assert expand(result.text) == text
    check_truth(text, result.text)
    return result.text.split("\n")


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        (made.as_csv(NAMES, ROWS, "\r\n"), "comma-separated, CRLF line ends"),
        (made.as_csv(NAMES, ROWS, separator=";"), "semicolon-separated"),
        ("\n".join("\t".join(row) for row in (NAMES, *ROWS)), "tab-separated"),
        ("\n".join("|".join(row) for row in (NAMES, *ROWS)), "bar-separated"),
        (made.as_psql(NAMES, ROWS), "psql padded to 2> 4< 6<"),
        (made.as_box(NAMES, ROWS), "box padded to 2> 4< 6<"),
        (made.as_columns(NAMES, ROWS), "columns of 2<+3 4<+3 6<"),
        (made.as_ruled(NAMES, ROWS), "ruled columns of 2<+1 4<+1 6<"),
        (made.as_frame(NAMES, ROWS), "columns of 2>+2 2>+2 4>+2 6>"),
    ],
    ids=lambda value: value if len(value) < 40 else "",
)
def test_each_layout_has_its_form(text: str, layout: str) -> None:
    head, names, *rows = lossless(text)
    assert f"source: {layout}]" in head
    assert "table of 30 rows" in head
    assert names.endswith("id,name,status=open")
    assert rows[0].endswith("8,n 0")
    assert rows[29].endswith("37,n 29")


def test_of_rows_that_are_all_the_same_the_first_column_stays() -> None:
    head, names, *rows = lossless(made.as_csv(NAMES, [["8", "n", "open"]] * 30))
    assert "name=value holds for every row" in head
    assert (names, rows) == ("id,name=n,status=open", [*["8"] * 30, ""])


def test_a_markdown_table_keeps_its_rule() -> None:
    head, names, rule, first, *_ = lossless(made.as_markdown(NAMES, ROWS))
    assert head.endswith("source: markdown]")
    assert (names, rule, first) == ("id,name,status=open", "| --- | --- | --- |", "8,n 0")


def test_what_follows_a_frame_stays() -> None:
    head, *lines = lossless(made.as_psql(NAMES, ROWS))
    assert "; the last 2 lines as in the source" in head
    assert lines[-3:] == ["(30 rows)", "", ""]


def test_cells_that_need_quotes_get_them() -> None:
    rows = [[str(i), "a, b", 'say "hi"', "[1] x", " y"] for i in range(9)]
    lines = lossless(made.as_box(["n", "one", "two", "three", "four"], [*rows[:-1], list("8zzzz")]))
    assert lines[1:3] == ["n,one,two,three,four", '0,"a, b","say ""hi""","[1] x"," y"']


@pytest.mark.parametrize("cell", ["", "a", " a", "a ", '"', '""', "a,b", "[x", "\t", "é", 'x"y'])
def test_a_cell_comes_back(cell: str) -> None:
    row = split(f"{written(cell)},{written(cell)}")
    assert row is not None
    assert [read(one) for one in row] == [cell, cell]
    assert declared(header([written_name(cell), "b"], {1: written(cell)}), read) == ([cell, "b"], {1: cell})


@pytest.mark.parametrize("line", ['"a', '"a"b', 'a"b', '"a""'])
def test_quotes_that_are_none_are_no_row(line: str) -> None:
    assert split(line) is None


def test_a_layout_is_read_back() -> None:
    assert read_pads("12< 8>^ 5>+2") == (Pad(12, "<", "<"), Pad(8, ">", "^"), Pad(5, ">", ">", 2))
    assert read_pads("12") is None
    assert read_layout("psql padded to 2> 3<", 3) is None
    assert read_layout("something else", 2) is None


# --- listings ---------------------------------------------------------------------------------------------------------


def test_a_listing_says_each_mode_once() -> None:
    head, names, total, first, second, *_ = lossless(made.as_ls(made.files(40)))
    assert head.startswith("[narrows: listing of 40 entries in short form, nothing left out;")
    assert names == 'mode{d=drwxr-xr-x,-=-rw-r--r--} links owner=root group=root size date="Nov 21 10:06" name'
    assert (total, first, second) == ("total 24", "- 1 4096 name 0", "d 2 4097 name 1")


def test_the_folders_of_a_listing_stay_apart() -> None:
    text = "src:\n" + made.as_ls(made.files(9)) + "\nsrc/b:\n" + made.as_ls(made.files(8), total="total 8")
    assert [line for line in lossless(text) if line.endswith(":") or not line] == ["src:", "", "src/b:", ""]


def test_other_programs_list_as_well() -> None:
    dates = [f"Jan {i % 28 + 1:2d}  2024" for i in range(30)]
    mode = "-rw-r--r--"
    bsd = [f"{mode}  {1 + i:2d} dev  staff  {100000 + i} {date} file {i}" for i, date in enumerate(dates)]
    found = [
        f"{i:9d}      4 {mode}   1 dev      staff      {100000 + i} {date} ./a {i}" for i, date in enumerate(dates)
    ]
    plain = [f"{mode} {1 + i} dev staff {100000 + i} 2024-01-02 10:06 a {i}" for i in range(30)]
    assert "source: ls of BSD]" in lossless("\n".join(bsd))[0]
    assert "source: find]" in lossless("\n".join(found))[0]
    assert "source: fields set apart by one blank]" in lossless("\n".join(plain))[0]


# --- what is a table --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "command"),
    [
        (made.as_columns(*made.pods(40)), "kubectl get pods -A"),
        (made.as_columns(*made.pods(40)), "docker ps"),
        (made.as_psql(*made.orders(40, 1)), "psql -c 'select * from orders'"),
        (made.as_box(*made.orders(40, 1)), "mysql -t -e 'select * from orders'"),
        (made.as_frame(*made.pods(40)), "python report.py"),
        (made.as_ls(made.files(60)), "ls -la src"),
        (made.as_ls(made.files(60)), "find . -ls"),
        (
            made.as_csv(
                ["day", "kind", "unit", "n"], [[f"2024-03-{i % 28 + 1:02d}", "error", "EUR", str(i)] for i in range(99)]
            ),
            "q",
        ),
    ],
    ids=lambda value: "" if "\n" in value else value,
)
def test_no_other_kind_claims_a_table(text: str, command: str) -> None:
    for tool_call in (shell(command), None):
        decision = compress_text(text, tool_call, Policy(), ENCODING)
        assert isinstance(decision.result, Compressed), decision.result
        assert decision.result.kind is Kind.TABLE
        claims = [
            one.kind for one in COMPRESSORS if one.sniff(Source(text, tool_call)) not in (Verdict.NO, Verdict.MAYBE)
        ]
        assert claims == [Kind.TABLE]


def test_a_table_that_a_tool_read_from_a_file_stays() -> None:
    text = made.as_csv(*made.pods(60))
    for tool_call in (shell("cat pods.csv"), ToolCall("read_file", '{"path": "pods.csv"}')):
        result = compress_text(text, tool_call, Policy(), ENCODING).result
        assert isinstance(result, Kept)
        assert result.reason is Reason.NEVER_SHORTENED


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"2024-03-{1 + i % 28:02d},{i * 1.5:.2f},{i * 7 % 13},station-{i % 5}" for i in range(200)),
        "\n".join(f"2024-05-{1 + i % 28:02d} 12:{i % 60:02d} {i * 10} file_{i}.txt" for i in range(80)),
        "\n".join(f"INFO worker-{i % 7} processed job id={i * 37} in {i % 90} ms" for i in range(300)),
        "\n".join(f"src/a.py:{i}:x, y, z = f({i}), g({i}), h({i})" for i in range(60)),
        "\n".join(f"Step {i}, which is long, says what to do next." for i in range(60)),
        "\n".join(f"    x{i} = compute(a, b, {i})" for i in range(60)),
        "\n".join(f"2024-05-01 12:00:{i:02d} | INFO | app.main | started job {i}" for i in range(60)),
        "| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |\n| 5 | 6 |\n\nAnd so on.\n",
        "id,name,n\n1,a,2\n2,b,3\n3,c\n4,d,5\n",
        'id,name,n\n1,"a,2\n2,b,3\n3,c",3\n4,d,5\n',
        "a b c\n\n\n\n\n\n",
        "-" * 500 + "\n" * 9,
        "+--+--+\n" * 9,
        " a | b \n---+---\n" * 9,
        "{" + '"a,b,c\n' * 20,
        "",
        "\n" * 30,
    ],
)
def test_what_is_no_table_is_kept(text: str) -> None:
    assert COMPRESSOR.sniff(Source(text)) is Verdict.NO
    assert isinstance(COMPRESSOR.compress(Source(text), Level.BALANCED), Kept)


def test_a_second_word_of_a_name_is_no_column() -> None:
    lines = [f"/dev/sd{i}   {i:4d}  /m{i}" for i in range(10, 60)]
    assert lossless("\n".join(["Filesystem  Used  Mounted on", *lines]))[1] == "Filesystem,Used,Mounted on"


def test_a_long_text_is_known_by_its_beginning_and_shortened_as_a_whole() -> None:
    text = made.as_csv(*made.pods(4000))
    assert len(text) > SNIFFED
    assert COMPRESSOR.sniff(Source(text + "no row\n")) is Verdict.YES
    result = COMPRESSOR.compress(Source(text + "no row\n"), Level.BALANCED)
    assert isinstance(result, Kept)
    assert result.reason is Reason.GRAMMAR


@pytest.mark.parametrize("sign", ["=", "[narrows: x]"])
def test_names_and_cells_that_the_form_cannot_say_keep_the_table(sign: str) -> None:
    text = made.as_csv(
        ["id", f"a{sign}b" if sign == "=" else "name", "status"], [[str(i), sign, "open"] for i in range(40)]
    )
    assert isinstance(COMPRESSOR.compress(Source(text), Level.LOSSLESS), Kept)


# --- rows left out ----------------------------------------------------------------------------------------------------


def test_rows_are_left_out_of_bulky_tables_only_and_counted() -> None:
    rows = [[str(i), "open" if i != 50 else "failed", f"{i % 7}.5", ""] for i in range(100)]
    text = made.as_psql(["id", "status", "n", "note"], rows)
    result = SMALL.compress(Source(text), Level.BALANCED)
    assert isinstance(result, Compressed)
    assert not result.lossless
    check_truth(text, result.text)
    lines = result.text.split("\n")
    assert "50,failed,1.5" in lines
    summary = next(line for line in lines[1:] if " rows left out; " in line)
    assert f'status: {len(rows) - sum(line.count(",") == 2 for line in lines[2:-3])} "open"' in summary
    assert SMALL.is_output(result.text)
    assert expand(result.text) is None
    assert SMALL.compress(Source(text), Level.LOSSLESS) != result


@given(made.TABLES)
def test_thinned_tables_tell_the_truth(text: str) -> None:
    result = SMALL.compress(Source(text), Level.BALANCED)
    if isinstance(result, Compressed):
        check_truth(text, result.text)
        assert SMALL.is_output(result.text)
        assert (SMALL.expand(result.text) == text) is result.lossless


def test_a_form_whose_figures_do_not_agree_is_not_ours() -> None:
    text = made.as_csv(*made.orders(100, 1))
    result = SMALL.compress(Source(text), Level.BALANCED)
    assert isinstance(result, Compressed)
    lines = result.text.split("\n")
    gap = next(i for i, line in enumerate(lines) if line.startswith("[narrows: rows"))
    for tampered in ([*lines[:gap], *lines[gap + 1 :]], [*lines[:2], *lines[3:]], lines[:2], lines[:1]):
        assert not SMALL.is_output("\n".join(tampered))


def test_a_form_that_would_expand_beyond_any_source_is_not_ours() -> None:
    head = "[narrows: table of 99999999 rows in short form, nothing left out; source: comma-separated]"
    assert COMPRESSOR.expand(f"{head}\na,b=1\n1\n") is None
    long = "x" * 2_000_000
    rows = "\n".join(str(i) for i in range(100))
    said = "table of 100 rows in short form, nothing left out; name=value holds for every row; source: comma-separated"
    head = f"[narrows: {said}]"
    assert COMPRESSOR.expand(f"{head}\na,b={long}\n{rows}\n") is None


def test_the_level_off_and_small_tables_are_kept() -> None:
    text = made.as_psql(NAMES, ROWS[:5])
    decision = Registry(COMPRESSORS, strict=True).compress_text(text, None, Policy(), ENCODING)
    assert isinstance(decision.result, Kept)
    assert decision.result.reason is Reason.TOO_SMALL
