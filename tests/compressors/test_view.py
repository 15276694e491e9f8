"""Views by example: what is taken for one, how much of its gutter goes, and how repeats name its lines."""

from __future__ import annotations

import json

import pytest

from narrows.api import compress_text as library_compress
from narrows.api import expand as library_expand
from narrows.compressors.registry import compress_text, expand
from narrows.compressors.types import Compressed, Decision, Kept, Reason
from narrows.compressors.view import COMPRESSOR, form
from narrows.core.tokens import Encoding
from narrows.core.tool_call import ToolCall
from narrows.policy import Kind, Level, Policy
from tests.compressors.repeats_truth import check_truth, file
from tests.compressors.view_truth import check_truth as check_view
from tests.compressors.view_truth import view
from tests.laws.repeats import decisions_of, forwarded_texts

O200K = Encoding("o200k_base", assumed=False)
CODEX = "Exit code: 0\nWall time: 0.1 seconds\nOutput:\n"
READ = ToolCall("Read", '{"file_path": "a.py"}')
ARROWS = "{:6d}\u2192"


def shell(command: str) -> ToolCall:
    return ToolCall("bash", json.dumps({"command": command}))


NL = shell("nl -ba a.py | sed -n '1,80p'")


def decide(text: str, tool_call: ToolCall | None, policy: Policy | None = None) -> Decision:
    return compress_text(text, tool_call, policy or Policy(), O200K)


def numbers_in(text: str) -> list[int]:
    return [int(line.split("\t")[0]) for line in text.split("\n")[1:] if line[:1].isdigit()]


def test_from_a_shell_only_the_blanks_go() -> None:
    text = view(95, 60)
    result = decide(text, NL).result
    assert isinstance(result, Compressed)
    assert (result.kind, result.lossless) == (Kind.VIEW, True)
    head, first, second, *_ = result.text.split("\n")
    assert head == ("[narrows: lines 95-154, lossless; numbers not padded to 6 columns]")
    assert (first, second) == ("95\t        x95 = f(95)", "96\t")
    assert numbers_in(result.text) == list(range(95, 155))
    assert expand(result.text) == text


def test_where_edits_go_by_text_every_other_number_goes() -> None:
    text = view(93, 60)
    result = decide(text, READ).result
    assert isinstance(result, Compressed)
    assert result.text.startswith(
        "[narrows: lines 93-152, lossless; numbers on the first and even lines only, not padded to 6 columns]\n"
        "93\tx93 = f(93)\n"
    )
    assert numbers_in(result.text) == [93, *range(94, 153, 2)]
    assert expand(result.text) == text


@pytest.mark.parametrize(
    ("tool_call", "text", "even_only"),
    [
        (NL, CODEX + view(1, 60), True),
        (shell("cat -n a.py"), view(1, 60), False),
        (shell("cat -An a.py"), view(1, 60), False),
        (shell("awk '{printf \"%6d\\t%s\\n\", NR, $0}' a.py"), view(1, 60), False),
        (
            ToolCall("str_replace_editor", '{"command": "view", "path": "a.py"}'),
            "Here's a.py:\n" + view(1, 60),
            True,
        ),
        (ToolCall("mcp__x", "{}"), view(1, 60), False),
        (ToolCall("mcp__x", "{}"), view(1, 60, ARROWS), True),
        (None, view(1, 60), False),
        (READ, view(1, 300, "{}\u2192"), True),
        (READ, view(1, 30) + "\n" + view(200, 40) + "\n[60 lines more]", True),
    ],
)
def test_what_is_a_view(tool_call: ToolCall | None, text: str, even_only: bool) -> None:
    loose = Policy(min_saved_share=0.0)
    result = decide(text, tool_call, loose).result
    assert isinstance(result, Compressed)
    assert form.even_only(result.text) is even_only
    check_view(text, result.text)
    assert expand(result.text) == text


@pytest.mark.parametrize(
    ("tool_call", "text"),
    [
        (shell("cat a.tsv"), view(1, 60)),  # a file may hold such lines itself
        (shell("sed -n 1,60p a.txt"), view(1, 60, ARROWS)),
        (READ, view(1, 60, "{}\t")),
        (READ, view(1, 60, "{}:")),
        (READ, view(1, 60, "{:6d}|")),
        (READ, "\n".join(f"{number:6d}\tx{number}" for number in range(1, 200, 2))),
        (READ, view(1, 7)),
        (READ, view(1, 20) + "\ntext" * 60),  # most of it is something else
        (NL, view(1, 60) + "\n[narrows: 5 lines left out]"),
        (NL, view(100_000, 60)),
        (READ, view(1, 60).replace("x7 = f(7)", "12\tx")),
        (READ, view(1, 60).replace("    x7 = f(7)", "[narrows: x]")),
    ],
)
def test_what_stays(tool_call: ToolCall, text: str) -> None:
    loose = Policy(min_saved_tokens=1, min_saved_share=0.0)
    assert isinstance(decide(text, tool_call, loose).result, Kept)


def test_what_follows_a_number_stays_to_the_byte() -> None:
    odd = ["\t\ttabs", "    blanks   ", "", " ", "\r", "é\u2003\u00a0", "# [narrows: x", "1\t2"]
    text = "\r\n".join(f"{number:6d}\t{odd[number % 8]}" for number in range(1, 90))
    result = decide(text, NL).result
    assert isinstance(result, Compressed)
    assert expand(result.text) == text
    assert [line.partition("\t")[2] for line in result.text.split("\n")[1:]] == [
        line.partition("\t")[2] for line in text.split("\n")
    ]


def test_the_policy_holds_for_views() -> None:
    text = view(1, 60)
    assert decide(text, READ, Policy(level=Level.LOSSLESS)).result.kind is Kind.VIEW
    assert decide(text, READ, Policy(level=Level.OFF)).result == Kept(Reason.POLICY_OFF)
    assert isinstance(decide(text, READ, Policy(view_min_bytes=len(text) + 1)).result, Kept)
    assert decide(text, READ, Policy(min_saved_tokens=10_000)).result == Kept(Reason.GATE, Kind.VIEW)


def test_a_persons_words_keep_their_numbers_and_a_sure_frame_is_a_tool() -> None:
    for text, kind in (
        (view(1, 60), Kind.UNKNOWN),
        (f"<returncode>0</returncode>\n<output>\n{view(1, 60)}\n</output>", Kind.VIEW),
    ):
        assert compress_text(text, None, Policy(), O200K, grammar_only=True).result.kind is kind


TAMPERED = (
    ("93-152", "93-153"),
    ("93-152", "152-93"),
    ("first and even", "first and odd"),
    ("to 6 columns", "to 0 columns"),
    ("\n96\t", "\n95\t"),
    ("\n96\t", "\n96 "),
    ("\n93\t", "\n92\t"),
)


@pytest.mark.parametrize(("old", "new"), TAMPERED)
def test_an_output_that_does_not_add_up_is_not_ours(old: str, new: str) -> None:
    result = decide(view(93, 60), READ).result
    assert isinstance(result, Compressed)
    assert old in result.text
    assert not COMPRESSOR.is_output(result.text.replace(old, new))


def conversation(gutter: str) -> list[str]:
    """A file, a part of it again after an edit, and the whole of it twice."""
    lines = file(5, 80)
    after = [*lines[:30], "new", "new too", *lines[30:]]
    numbered = ["\n".join(gutter.format(n) + line for n, line in enumerate(one, 1)) for one in (lines, after)]
    return [numbered[0], "small", "\n".join(numbered[1].split("\n")[20:75]), numbered[1] + "\n", numbered[0]]


@pytest.mark.parametrize("gutter", ["{:6d}\t", ARROWS])
def test_repeats_name_the_lines_of_views_and_their_own_numbers_are_reduced_too(gutter: str) -> None:
    texts = conversation(gutter)
    decisions = decisions_of(texts, Policy(min_saved_tokens=1, min_saved_share=0.0))
    forwarded = forwarded_texts(texts, decisions)
    assert [decision.result.kind for decision in decisions] == [
        Kind.VIEW,
        Kind.UNKNOWN,
        Kind.REPEAT,
        Kind.REPEAT,
        Kind.REPEAT,
    ]
    assert forwarded[4].startswith("[narrows: 80 lines, all as in tool output 1 (4 before this)")
    assert "[narrows: 33-75 as 31-73 in tool output 1]" in forwarded[2]
    for index in (2, 3, 4):
        check_truth(
            texts[index], forwarded[index], {(n, 1): one for n, one in enumerate(forwarded[:index], 1)}, index + 1
        )
        assert library_expand(forwarded[index], forwarded[:index]) == texts[index]
        assert library_expand(forwarded[index]) is None
    assert library_expand(forwarded[0]) == texts[0]


def test_a_view_with_repeats_in_it_is_reduced_below_two_head_lines() -> None:
    first, *_ = conversation("{:6d}\t")
    second = "\n".join([*(f"{n:6d}\tother_{n} = 1" for n in range(1, 31)), *first.split("\n")[30:]])
    decisions = decisions_of([first, "", first + "\n     1\t", second], Policy())
    texts = forwarded_texts([first, "", first, second], decisions)
    view_head, repeats_head, line, *_ = texts[3].split("\n")
    assert view_head.startswith("[narrows: lines 1-3")
    assert repeats_head.startswith("[narrows: tool output 4, lossless; 50 of 80 lines as in ")
    assert line == "1\tother_1 = 1"
    arguments = '{"command": "nl -ba src/main.py"}'
    again = library_compress(second, tool="bash", arguments=arguments, earlier=texts[:3], model="gpt-4o")
    assert isinstance(again.result, Compressed)
    assert again.result.text == texts[3]
    assert compress_text(texts[3], NL, Policy(), O200K).result == Kept(Reason.ALREADY_SHORTENED)
