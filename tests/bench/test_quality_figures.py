"""The bench's own counting: visible facts, files, figures, shares, recorded conversations, inputs that are made."""

from __future__ import annotations

import json
from pathlib import Path

from bench.quality import conversations, corpus, generated, opportunities, report, speed, texts, visible
from bench.quality.conversations import Conversation, Fact, used_later
from bench.quality.corpus import Text
from bench.quality.naive import head_and_tail
from bench.quality.talks import Replay, bills, blocks, recall, savings
from bench.quality.vocabularies import Vocabulary, built_in
from narrows.core.tool_call import ToolCall

WORDS = Vocabulary("words", lambda text: len(text.split()))
CALL = ToolCall("bash", "{}")


def log(text: str, *gold: str) -> Text:
    return Text("log", "one.log", "test runs", text, CALL, {"must_keep": list(gold)})


def test_a_fact_is_seen_through_json_escapes_and_colours() -> None:
    assert visible.shows('{"say": "a \\"b\\""}', 'a "b"')
    assert visible.shows("caf\\u00e9", "caf\u00e9")
    assert not visible.shows("ab", "abc")
    item = log("\x1b[31mE   assert\x1b[0m 1 == 2\nother", "E   assert 1 == 2", "never there")
    assert visible.missing_gold(item, "E   assert 1 == 2") == []
    assert visible.missing_gold(item, "other") == ["E   assert 1 == 2"]


def test_savings_and_recall_of_texts() -> None:
    items = [log("a b c d", "a"), log("a b", "b")]
    found = [texts.Measured(items[0], "a", None, 4, 1), texts.Measured(items[1], "a", None, 2, 1, ["b"])]
    assert texts.saved(found)["saved"] == round(4 / 6, 4)
    assert texts.saved(found)["worst"] == 0.5
    assert texts.recall(found)["visible"] == 0.5
    assert texts.recall(found)["worst"] == 0.0
    assert texts.recall(found)["missing"] == {"one.log": ["b"]}
    assert texts.by_group(found)["test runs"]["texts"] == 2


def test_files_are_named_whole_or_below_their_folder() -> None:
    paths = ["src/a.py", "src/b.py", "c.py"]
    assert visible.files_named("src/a.py:1:x\nc.py", paths) == ["src/a.py", "c.py"]
    assert visible.files_named("src/\nb.py:4\n", paths) == ["src/b.py"]


def test_numbers_of_a_diff_are_counted_by_file() -> None:
    diff = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,3 @@\n a\n-b\n+c\n+d\n"
    assert visible.numstat(diff) == (2, 1)
    assert visible.diff_facts(diff, diff) == {"files": 1, "named": 1, "true_numstat": 1}
    assert visible.diff_facts(diff, diff.replace("+d\n", ""))["true_numstat"] == 0
    assert visible.diff_facts(diff, "nothing") == {"files": 1, "named": 0, "true_numstat": 0}


def test_the_naive_cut_keeps_ends_and_says_so() -> None:
    text = "\n".join(f"line {i}" for i in range(100))
    cut = head_and_tail(text, 0.2)
    assert cut.startswith("line 0\n")
    assert cut.endswith("line 99")
    assert "characters cut" in cut
    assert len(cut) < 0.3 * len(text)
    assert head_and_tail(text, 1.0) == text


def conversation(*facts: Fact) -> Conversation:
    messages: list[conversations.Message] = [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "find", "arguments": "{}"}}]},
        {"role": "tool", "content": "order #W1234567 of ann_lee"},
        {"role": "assistant", "content": "It is #W1234567."},
    ]
    return Conversation("made", "one", messages, [], frozenset({3}), facts)


def test_facts_used_later_come_from_tools_alone() -> None:
    messages = conversation().messages
    assert used_later(messages, frozenset({3})) == (Fact("W1234567", 3, 4),)
    told = [*messages[:1], {"role": "user", "content": "mine is W1234567"}, *messages[2:]]
    assert used_later(told, frozenset({3})) == ()


def test_a_replay_is_counted_over_all_its_requests() -> None:
    one = conversation(Fact("W1234567", 3, 4))
    assert one.turns == [2, 4]
    raw = Replay(one, [one.messages[:turn] for turn in one.turns])
    shorter = [*one.messages[:3], {"role": "tool", "content": "order"}]
    forwarded = Replay(one, [one.messages[:2], shorter], visible=[False])
    figures = savings([(raw, forwarded)], WORDS)
    assert figures["saved"] == 0.75
    assert figures["tool_tokens"] == 4
    assert recall([forwarded])["worst"] == 0.0
    assert recall([forwarded])["missing"] == {"one": ["W1234567"]}
    assert [block.fixed for block in blocks(raw, WORDS)[0]] == [True, False]


def test_the_least_is_there_where_parts_wait_and_is_printed() -> None:
    one = conversation()
    one.messages[3]["content"] = "long " * 3_000
    raw = Replay(one, [one.messages[:turn] for turn in one.turns])
    shorter = [*one.messages[:3], {"role": "tool", "content": "order"}]
    forwarded = Replay(one, [one.messages[:2], shorter])
    found = bills(lambda _: [(raw, raw)], {"o200k": WORDS}, lambda _: [(raw, forwarded)])
    assert found["Gemini 2.5, read 0.1"]["ratio"] == 1.0
    assert found["Gemini 2.5, read 0.1"]["least"] < 0.1
    assert "least" not in found["DeepSeek, read 0.1"]
    assert "least" not in bills(lambda _: [(raw, raw)], {"o200k": WORDS})["Gemini 2.5, read 0.1"]
    record = {"conversations": {"tau-airline": {"narrows": {"bills": found, "savings": {}, "recall": {}}}}}
    assert report.tables(record).count("whenever one begins, at least") == 5


def test_lines_shown_before_and_line_numbers_are_bounded() -> None:
    lines = [f"word{i} word{i}" for i in range(6)]
    outputs = ["\n".join(lines), "\n".join(f"{i}: {line}" for i, line in enumerate(lines[1:]))]
    messages: list[conversations.Message] = [
        {"role": "user", "content": "go"},
        {"role": "tool", "content": outputs[0]},
        {"role": "tool", "content": outputs[1]},
        {"role": "assistant", "content": "done"},
    ]
    made = Conversation("made", "one", messages, [], frozenset({1, 2}), ())
    assert opportunities.shown_before([made], WORDS) == {"repeated_lines": 0.0, "line_numbers": 0.1852}
    messages[2]["content"] = "\n".join(["new", *lines[1:5], "new"])
    assert opportunities.shown_before([made], WORDS)["repeated_lines"] == round(8 / 22, 4)


def test_actions_become_calls_of_a_shell(tmp_path: Path) -> None:
    history = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "task"},
        {"role": "assistant", "content": "I look.\nls", "thought": "I look.", "action": "ls"},
        {"role": "user", "content": "a.py"},
    ]
    folder = tmp_path / "conversations" / "swe-agent"
    folder.mkdir(parents=True)
    (folder / "one.traj").write_text(json.dumps({"history": history}))
    (found,) = conversations.coding(tmp_path, as_tools=True)
    assert [message["role"] for message in found.messages] == ["system", "user", "assistant", "tool"]
    assert found.messages[3]["tool_call_id"] == found.messages[2]["tool_calls"][0]["id"]
    assert found.outputs == {3}
    (recorded,) = conversations.coding(tmp_path, as_tools=False)
    assert recorded.messages[3] == {"role": "user", "content": "a.py"}
    assert recorded.outputs == {3}


def test_an_absent_corpus_is_empty(tmp_path: Path) -> None:
    assert corpus.logs(tmp_path) == corpus.searches(tmp_path) == corpus.speed_texts(tmp_path) == []
    assert conversations.airline(tmp_path) == conversations.coding(tmp_path, as_tools=True) == []


def test_a_log_belongs_to_a_group() -> None:
    names = ["pytest-own.log", "gcc-make-errors.log", "git-blame.log", "kubectl-x.log", "strace-ls.log"]
    assert [corpus.log_group(name) for name in names] == ["test runs", "builds", "git", "system", "others"]


def test_made_inputs_are_the_same_every_time() -> None:
    material = [log("\n".join(f"line {i} of it" for i in range(50))), Text("json", "j", "", '[{"a":1},{"a":2}]', CALL)]
    first = [generated.made(material, number)[0] for number in range(20)]
    assert first == [generated.made(material, number)[0] for number in range(20)]
    assert len(set(first)) > 15
    assert generated.check(material, 20)["false"] == 0


def test_variations_differ_and_keep_their_size() -> None:
    rows = Text("json", "rows", "", json.dumps([{"id": i} for i in range(10)]), CALL)
    diff = Text("diff", "d", "", "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", CALL)
    for item in (rows, diff, log("worker 3 at 17 ms\n"), Text("search", "s", "", "a.py:1:x\n", CALL)):
        assert speed.varied(item, 1) != speed.varied(item, 2)
    assert len(json.loads(speed.varied(rows, 3))) == 10
    assert "@@ -1 +1 @@" in speed.varied(diff, 3)


def test_counts_are_remembered_and_real() -> None:
    calls: list[str] = []
    counter = Vocabulary("counted", lambda text: calls.append(text) or 7)  # type: ignore[func-returns-value]  # a counter that tells
    assert counter.count("x") == counter.count("x") == 7
    assert calls == ["x"]
    assert built_in("o200k").count("hello world") == 2
    assert built_in("qwen").count("12345") == 5


def test_a_target_is_met_or_missed() -> None:
    row = report.Row("saved", report.path("a", "b"), 0.5)
    assert row.verdict(row.read({"a": {"b": 0.5}})) == "met"
    assert row.verdict(row.read({"a": {"b": 0.4}})) == "MISSED"
    assert row.read({}) is None
    assert report.Row("bill", report.path("x"), 1.0, at_most=True).verdict(1.1) == "MISSED"
    assert report.length("x")({"x": {"one": 1}}) == 1


def test_the_tables_print_what_a_record_holds() -> None:
    printed = report.tables({"speed": {"load": 0.5, "narrows": {"rows-1500.json": {"p50_cpu_ms": 3.25}}}})
    assert "rows-1500.json: p50 ms of processor" in printed
    assert "3.2" in printed
    assert "met" in printed
