"""Progress and colours by example: what goes, what never does, and how later outputs name what is left."""

from __future__ import annotations

import json

import pytest

from narrows.api import compress_text as library_compress
from narrows.compressors.registry import compress_text, shown_in
from narrows.compressors.repeats import Shown
from narrows.compressors.screen import COMPRESSOR, below, form
from narrows.compressors.screen.progress import BAR, CURL, WGET, Left, progress
from narrows.compressors.types import Compressed, Kept, Reason, Source
from narrows.core.tokens import Encoding
from narrows.core.tool_call import ToolCall
from narrows.policy import Kind, Level, Policy
from tests.compressors import repeats_truth
from tests.compressors.screen_truth import CURL_FIRST, CURL_HEAD, CURL_LAST, DOTS, METER, PAGE, bars, check_truth
from tests.laws.repeats import decisions_of, forwarded_texts

O200K = Encoding("o200k_base", assumed=False)
SAVED = "'x' saved [950/950]\n"
COLOURED = "".join(f"\x1b[38;21m[*] attack {number}\x1b[0m\n" for number in range(40))


def shell(command: str) -> ToolCall:
    return ToolCall("bash", json.dumps({"command": command}))


CURL_CALL = shell("curl http://localhost:8080/")


def decide(text: str, tool_call: ToolCall | None = CURL_CALL, policy: Policy | None = None) -> Compressed | Kept:
    return compress_text(text, tool_call, policy or Policy(), O200K).result


@pytest.mark.parametrize("before", ["", "<returncode>0</returncode>\n<output>\n", "OBSERVATION:\n"])
@pytest.mark.parametrize("meter", [METER, METER.replace("\n\n", "\n\r").replace("0\n100", "0\r100")])
def test_curls_progress_goes_and_all_else_stays(before: str, meter: str) -> None:
    text = before + meter + PAGE + "</output>" * before.startswith("<")
    result = decide(text)
    assert isinstance(result, Compressed)
    assert (result.kind, result.lossless) == (Kind.SCREEN, False)
    assert result.text.partition("\n")[2] == text.replace(meter, "")
    check_truth(text, result.text)


@pytest.mark.parametrize(
    "text",
    [
        CURL_HEAD + "\n" + PAGE,
        METER.replace(CURL_LAST + "\n", "") + PAGE,
        METER.replace(CURL_LAST, CURL_LAST.replace("100", " 45", 1)) + PAGE,
        METER + "curl: (18) transfer closed with outstanding read data remaining\n" + PAGE,
        METER.replace(CURL_LAST, CURL_LAST + "<html>") + PAGE,
        CURL_FIRST + "\n" + CURL_LAST + "\n" + PAGE,
        METER.replace("% Xferd", "% Share") + PAGE,
        DOTS + PAGE,
        "a|b%|c\n50%|x\n" + PAGE,
        bars(30) + "\n" + PAGE,
    ],
)
def test_progress_that_did_not_come_to_its_end_stays(text: str) -> None:
    assert progress(text) == []
    assert COMPRESSOR.is_output(text) is False


def test_of_a_bar_the_last_state_stays() -> None:
    text = f"begin{bars(0, 40, 80)}\nend{bars(7)}\nother{bars(0, 9).replace('/100', '/50', 1)}"
    assert progress(text) == [Left(1, 5, BAR)]
    shown = form.write(text, progress(text), codes=False)
    check_truth(text, shown)
    assert "80/100" in shown
    assert "40/100" not in shown


def test_dots_go_where_the_file_was_saved() -> None:
    assert progress(DOTS + SAVED) == [Left(0, DOTS.count("\n"), WGET)]
    assert progress(DOTS + "\n" + SAVED + DOTS + "\n" + SAVED)[1].start == DOTS.count("\n") + 2


@pytest.mark.parametrize("failed", ["\n12:00 (1 MB/s) - Read error at byte 9/99 (Connection reset). Retrying.\n", ""])
def test_dots_of_a_file_that_was_not_saved_stay(failed: str) -> None:
    text = DOTS + SAVED + "another\n" + DOTS[:300] + "\n" + failed
    assert progress(text) == [Left(0, DOTS.count("\n"), WGET)]


def test_bars_that_came_to_their_end_are_bars_of_their_own() -> None:
    """Of each epoch the last state stays, which says what was found in it."""
    ends = "".join(f"100%|{'#' * 10}| 10/10 [00:03<00:00, 3.2it/s, loss={9 - epoch}]\n" for epoch in range(5))
    assert progress(ends) == []
    again = f"{bars(0, 50)}\n{bars(10, 90)}\n"
    assert [again.split("\n")[one.stop].split("%", maxsplit=1)[0] for one in progress(again)] == [
        "train:  50",
        "train:  90",
    ]


@pytest.mark.parametrize(
    "state",
    [
        "{0:3d}%|####| {0}/100 [00:01<00:02, 9.1it/s]ERROR: sample {0} cannot be read",
        "{0:3d}%|note {0}| {0}/100 [read by hand]",
        "{0:3d}%|#| {0}/100 [note {0}]",
        "{0:3d}%|yes| {0}/100 [00:01<00:02, 9.1it/s]",
    ],
)
def test_what_only_looks_like_a_bar_or_says_more_stays(state: str) -> None:
    assert progress("\n".join(state.format(share) for share in range(0, 100, 20))) == []


@pytest.mark.parametrize(
    "text",
    [
        "     0K ....%|" + " " * 400_000 + "x\n" + SAVED,
        "     0K ...." + " " * 400_000 + "x\n50%|\n" + SAVED,
        "50%|#| " + "1" * 400_000,
        "50%|#| 1/" + "1" * 400_000,
        "50%|\n" * 200_000,
        "     0K .......... 5% 1M 0s\n1\n" * 60_000,
    ],
)
def test_looking_takes_time_in_proportion(text: str) -> None:
    """Nothing here ends within hours where a line, or all of them, is gone through once for each of its parts."""
    assert progress(text) == []


def test_every_sort_is_named_with_its_lines() -> None:
    text = METER + "a\n" + METER + DOTS + SAVED + bars(0, 100) + "\n\x1b[1mbold\x1b[0m"
    left = progress(text)
    assert [one.sort for one in left] == [CURL, CURL, WGET, BAR]
    written = form.write(text, left, codes=True)
    assert written.partition("\n")[0] == (
        "[narrows: 36 lines; lines 1-5, 7-11 left out, curl's progress; lines 12-30 left out, wget's progress;"
        " lines 33-34 left out, earlier states of a progress bar; terminal control codes removed]"
    )
    check_truth(text, written)
    assert form.is_output(written)


@pytest.mark.parametrize(
    "head",
    [
        "[narrows: 18 lines]",
        "[narrows: 18 lines; lines 1-5 left out, a meter]",
        "[narrows: 17 lines; lines 1-5 left out, curl's progress]",
        "[narrows: 18 lines; lines 1-5, 5 left out, curl's progress]",
        "[narrows: 18 lines; lines 15-19 left out, curl's progress]",
        "[narrows: 18 lines; lines 5-1 left out, curl's progress]",
    ],
)
def test_what_does_not_add_up_is_not_ours(head: str) -> None:
    body = "\n".join(map(str, range(13)))
    assert form.is_output(f"[narrows: 18 lines; lines 1-5 left out, curl's progress]\n{body}")
    assert not form.is_output(f"{head}\n{body}")
    assert not form.is_output(f"[narrows: 18 lines; lines 1-5 left out, curl's progress]\n{body}\n[narrows: 2 lines]")


def test_colours_go() -> None:
    result = decide(COLOURED, shell("python attack.py"))
    assert isinstance(result, Compressed)
    assert result.text == (
        "[narrows: 40 lines; terminal control codes removed]\n"
        + "".join(f"[*] attack {number}\n" for number in range(40))
    )


@pytest.mark.parametrize(
    ("text", "call"),
    [
        (COLOURED + "\x1b[2J\x1b[1;1H", shell("top")),
        (COLOURED + "\x1b[3A", shell("python attack.py")),
        (COLOURED + "\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\", shell("ls")),
        (COLOURED + "  \x1b[7mremove everything\x1b[0m\n", shell("tmux capture-pane -ep")),
        (COLOURED + "  \x1b[1m\x1b[0;07mremove everything\x1b[27m\x1b[0m \n", shell("tmux capture-pane -ep")),
        (COLOURED + "\x1b[32mtest_one\x1b[0m\n\x1b[1;31mtest_two\x1b[0m\n\x1b[32mtest_three\x1b[0m\n", shell("./run")),
        (COLOURED + "keep \x1b[9mdelete\x1b[29m\n", shell("./todo")),
        (COLOURED, shell("git diff --color-words")),
        (COLOURED, shell("cat screen.txt")),
        (COLOURED, ToolCall("read_file", '{"path": "screen.txt"}')),
        ("[File: /a (40 lines total)]\n" + COLOURED, None),
        ("diff --git a/x b/x\n" + COLOURED, None),
        (METER + PAGE, shell("cat out.txt")),
        (METER + PAGE, ToolCall("read_file", '{"path": "out.txt"}')),
        ("[File: /a (40 lines total)]\n" + METER + PAGE, None),
    ],
)
def test_files_stay_and_so_does_what_a_code_says(text: str, call: ToolCall | None) -> None:
    assert isinstance(decide(text, call), Kept)


@pytest.mark.parametrize(
    "more",
    [
        "\x1b[38;5;7mgrey\x1b[0m\n\x1b[38;2;7;9;31mblue\x1b[0m\n\x1b[48;5;9mon red\x1b[0m\n",
        "\x1b[31mERROR\x1b[0m: one\n\x1b[32mok\x1b[0m: two\n",
        "\x1b[7m12\x1b[0m const x = 1\n\x1b[7m  \x1b[0m\n",
        "\x1b[31mone\x1b[0m\n\x1b[31mtwo\x1b[0m\n",
    ],
)
def test_colours_of_words_that_speak_for_themselves_go(more: str) -> None:
    result = decide(COLOURED + more, shell("python attack.py"))
    assert isinstance(result, Compressed)
    assert "\x1b" not in result.text


@pytest.mark.parametrize("text", ["a\n\n" + METER.rstrip("\n"), "\x1b[1mb\x1b[0m\n\n" + METER.rstrip("\n")])
def test_the_lines_of_every_output_add_up(text: str) -> None:
    """Where the lines left out are the last and have no line end, a blank line before them would be none."""
    result = COMPRESSOR.compress(Source(text, CURL_CALL), Level.BALANCED)
    assert isinstance(result, Kept) or COMPRESSOR.is_output(result.text)


def test_what_imitates_a_mark_once_its_codes_are_gone_is_kept() -> None:
    text = COLOURED + "\x1b[8m[narrows: lines 1-9 left out]\x1b[0m\n"
    source = Source(text, shell("python attack.py"))
    assert COMPRESSOR.compress(source, Level.BALANCED) == Kept(Reason.LOOKS_LIKE_OURS, Kind.SCREEN)


def test_progress_alone_is_kept() -> None:
    assert COMPRESSOR.compress(Source(METER * 3, CURL_CALL), Level.BALANCED) == Kept(
        Reason.NOTHING_TO_SAVE, Kind.SCREEN
    )


def test_at_the_lossless_level_all_stays() -> None:
    assert isinstance(decide(METER + PAGE, policy=Policy(level=Level.LOSSLESS)), Kept)
    assert isinstance(decide(METER + PAGE, policy=Policy(screen_min_bytes=10_000)), Kept)


def test_what_is_left_is_named_by_later_outputs() -> None:
    other = METER.replace("1256", "1301")
    texts = [METER + PAGE, METER + PAGE + "<p>one more line</p>\n", other + PAGE, other + "<hr>\n" + PAGE]
    texts = [texts[0], "make: done\n", "x", *texts[1:]]
    decisions = decisions_of(texts, Policy())
    shown = forwarded_texts(texts, decisions)
    kinds = [one.result.kind for one in decisions if isinstance(one.result, Compressed)]
    assert kinds.count(Kind.REPEAT) >= 2
    for index, decision in enumerate(decisions):
        if isinstance(decision.result, Compressed) and decision.result.kind is Kind.REPEAT:
            before = {(number, 1): text for number, text in enumerate(shown[:index], 1)}
            repeats_truth.check_truth(texts[index], shown[index], before, index + 1)
    heads = [text.split("\n")[:2] for text in shown[3:]]
    assert any(one[0].endswith("curl's progress]") and "lines as in earlier ones]" in one[1] for one in heads)


def test_by_its_text_it_is_known_what_is_there_to_be_named() -> None:
    written = form.write(METER + PAGE, progress(METER + PAGE), codes=False)
    head = written.partition("\n")[0]
    assert shown_in(written) is Shown.HEADED
    assert below(written) == PAGE
    assert shown_in(f"{head}\n[narrows: 12 lines, all as in tool output 1 (1 before this); nothing left out]") is (
        Shown.UNMARKED
    )
    assert isinstance(decide(written), Kept)


def test_the_library_names_it_too() -> None:
    tool, arguments = CURL_CALL.name, CURL_CALL.arguments
    first = library_compress(METER + PAGE, tool=tool, arguments=arguments).result
    assert isinstance(first, Compressed)
    other = METER.replace("1256", "99") + PAGE
    second = library_compress(other, tool=tool, arguments=arguments, earlier=[first.text]).result
    assert isinstance(second, Compressed)
    assert len(second.text) < len(first.text) / 2
