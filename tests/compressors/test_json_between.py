"""JSON between a few lines of something else: the lines stay, the document is shortened as if it stood alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.compressors import json_between
from narrows.compressors.json_rows import COMPRESSOR
from narrows.compressors.registry import compress_text, expand
from narrows.compressors.types import Compressed, Kept, Reason, Source
from narrows.core.tokens import Encoding
from narrows.core.tool_call import ToolCall
from narrows.policy import Kind, Policy
from tests.compressors.json_truth import check_truth, same
from tests.laws.conversations import log

O200K = Encoding("o200k_base", assumed=False)
CALL = ToolCall("bash", '{"command": "curl -s https://api.example.org/users"}')
ROWS = [{"id": 100 + i, "name": f"user {i}", "tags": ["a", "b"] if i % 2 else [], "next": None} for i in range(40)]
DOCUMENTS = {
    "one line": json.dumps({"count": 40, "results": ROWS}),
    "indented": json.dumps({"count": 40, "results": ROWS}, indent=2),
    "lines": "\n".join(map(json.dumps, ROWS)),
    "array": json.dumps(ROWS, indent="\t"),
}
AROUND = {
    "headers": ("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-n: [1]\r\n\r\n", ""),
    "progress": ("  % Total    % Received\n\r  0     0    0\r100  300  100\n", ""),
    "a warning": ("WARNING: this command is in preview\n", "\n"),
    "a fence": ("```json\n", "\n```\n"),
    "an exit code": ("", "\n\n[exit code: 0]\n"),
    "times": ("", "\nreal\t0m0.3s\nuser\t0m0.1s\nsys\t0m0.0s\n"),
    "prompts": ("$ curl -s https://api.example.org/users\n", "\n$ "),
    "a bracketed log": ("[INFO] asking\n[1/2] got\n", "\n[INFO] done {}\n"),
    "tags": ("<result>\n", "\n</result>"),
    "carriage returns": ("Result:\r\n", "\r\nDone.\r\n"),
}


def shortened(text: str) -> str:
    result = compress_text(text, CALL, Policy(), O200K).result
    assert isinstance(result, Compressed), result
    assert (result.kind, result.lossless) == (Kind.JSON, True)
    return result.text


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_the_lines_around_a_document_stay(around: tuple[str, str], document: str) -> None:
    above, below = around
    text = above + document + below
    output = shortened(text)
    assert output == above + shortened(document) + below
    check_truth(text, output)
    source = expand(output)
    assert source is not None
    assert same(text, source)
    assert source.startswith(above)
    assert source.endswith(below)


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_what_was_shortened_is_kept(around: tuple[str, str]) -> None:
    result = compress_text(shortened(around[0] + DOCUMENTS["array"] + around[1]), CALL, Policy(), O200K).result
    assert isinstance(result, Kept)
    assert result.reason is Reason.ALREADY_SHORTENED


@pytest.mark.parametrize(
    "text",
    [
        DOCUMENTS["indented"],
        "\n\n" + DOCUMENTS["lines"] + "\n",
        "words " + DOCUMENTS["one line"],
        DOCUMENTS["one line"] + " words",
        "word\n" * (json_between.MOST_LINES + 1) + DOCUMENTS["array"],
        DOCUMENTS["array"] + "\nword" * (json_between.MOST_LINES + 1),
        "w" * json_between.MOST_CHARACTERS + "\n" + 9 * DOCUMENTS["array"],
        "some words\n" * 5 + "{}\n" + "other words\n" * 5,
        "Result:\n" + DOCUMENTS["array"][:-100],
        "",
    ],
)
def test_what_is_no_document_between_lines(text: str) -> None:
    assert json_between.found(Source(text, CALL)) is None


def test_a_persons_words_and_texts_without_a_call_are_left_alone() -> None:
    text = "Look at this:\n" + DOCUMENTS["array"]
    assert isinstance(compress_text(text, None, Policy(), O200K).result, Kept)
    assert isinstance(compress_text(text, CALL, Policy(), O200K, grammar_only=True).result, Kept)


def test_an_output_among_other_lines_is_found_only_where_it_is_whole() -> None:
    output = shortened(DOCUMENTS["array"])
    assert json_between.shortened("above\n" + output + "\nbelow") == json_between.Between("above\n", output, "\nbelow")
    assert json_between.shortened("above\n" + output[:-1]) is None
    assert json_between.shortened(log(30)) is None
    assert expand("above\n" + output[:-1] + "\nbelow") is None


_LINES = st.lists(st.sampled_from(["", "[INFO] x", "{", "}", "]", "{}", "[1]", "words", '{"a":', "]]"]), max_size=6)


@given(_LINES, st.sampled_from(sorted(DOCUMENTS)), _LINES)
def test_whatever_stands_around_it_comes_back(above: list[str], name: str, below: list[str]) -> None:
    text = "\n".join([*above, DOCUMENTS[name], *below])
    result = compress_text(text, CALL, Policy(), O200K).result
    if isinstance(result, Compressed):
        check_truth(text, result.text)
        source = expand(result.text)
        assert source is not None
        assert same(text, source)
    else:
        assert any(line[:1] in tuple("{[") or line[-1:] in tuple("}]") for line in (*above, *below))


def test_few_places_are_read_as_the_end_of_a_short_form(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(ROWS) + "\n" + "a line below\n" * 20 + "}\n[]\n"
    result = compress_text(text, CALL, Policy(), O200K).result
    assert isinstance(result, Compressed)
    read: list[str] = []

    class Counting:
        def is_output(self, text: str) -> bool:
            read.append(text)
            return COMPRESSOR.is_output(text)

    monkeypatch.setattr(json_between, "COMPRESSOR", Counting())
    assert json_between.is_output(result.text)
    assert not json_between.is_output(result.text + "x\n" * 40)
    assert len(read) <= 2 * json_between.MOST_TRIED
