from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from narrows.cli.main import main
from narrows.plan import plan_body
from narrows.policy import Policy
from narrows.wire.registry import wire_named
from tests.cli.samples import ROWS, chat_body

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def in_an_empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def explained(capsys: pytest.CaptureFixture[Any], body: bytes, *words: str) -> str:
    Path("body.json").write_bytes(body)
    capture = capsys.readouterr  # what came before is not ours
    capture()
    assert main(["explain", "body.json", *words]) == 0
    out = capture().out
    return out.decode() if isinstance(out, bytes) else str(out)


def test_each_part_says_where_it_is_and_what_becomes_of_it(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    text = explained(capfdbinary, chat_body(ROWS, "short"))
    assert "@@ /messages/0/content @@ user" in text
    assert "@@ /messages/2/content @@ tool list_users {}" in text
    assert "json, shortened" in text
    assert "\n- [{" in text
    assert "\n+ [narrows: " in text
    assert "@@ /messages/4/content @@ tool list_users {}\n  kept, too_small" in text
    assert "1 of 3 parts in 5 messages shortened" in text


def test_no_colours_where_there_is_no_terminal(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert "\x1b" not in explained(capfdbinary, chat_body(ROWS))


def test_lines_are_as_many_as_asked_for(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert "\n+ " not in explained(capfdbinary, chat_body(ROWS), "--lines", "0")
    more = explained(capfdbinary, chat_body(ROWS), "--lines", "1000")
    assert more.count("\n+ ") > 10


def test_machines_get_the_plan_that_the_gateway_makes(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    body = chat_body(ROWS, "short")
    report = json.loads(explained(capfdbinary, body, "--json", "--classifier", "none"))
    plan = plan_body(body, wire_named("openai_chat"), Policy())
    assert report["model"] == "gpt-4o"
    assert report["encoding"] == "o200k_base"
    assert report["encoding_assumed"] is False
    assert report["untouched"] is None
    assert report["messages"] == 5
    assert report["body_bytes_before"] == len(body)
    assert report["body_bytes_after"] < len(body)
    assert [part["pointer"] for part in report["parts"]] == [one.part.pointer for one in plan.parts]
    shortened = report["parts"][1]
    assert shortened["shortened"] is True
    assert (shortened["kind"], shortened["tool"], shortened["reason"]) == ("json", "list_users", None)
    assert shortened["bytes_before"] == len(ROWS)
    assert shortened["tokens_after"] > 0
    kept = report["parts"][2]
    assert (kept["shortened"], kept["reason"], kept["tokens_before"]) == (False, "too_small", None)
    assert "user 7" not in json.dumps(report)


def test_a_body_that_is_left_alone_says_why(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert "forwarded as it came, not_json: the body is not JSON" in explained(capfdbinary, b"{")
    report = json.loads(explained(capfdbinary, b'{"messages": [], "n": 2}', "--json"))
    assert report["untouched"]["reason"] == "several_choices"
    assert report["parts"] == []


def test_tokens_are_counted_as_for_the_model_named(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    report = json.loads(explained(capfdbinary, chat_body(ROWS), "--json", "--model", "gpt-4"))
    assert (report["model"], report["encoding"]) == ("gpt-4", "cl100k_base")


def test_the_scope_is_a_flag(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    body = chat_body(ROWS, ROWS)
    stable = json.loads(explained(capfdbinary, body, "--json"))
    latest = json.loads(explained(capfdbinary, body, "--json", "--scope", "latest"))
    assert [part["shortened"] for part in stable["parts"]].count(True) == 2
    assert [part["shortened"] for part in latest["parts"]].count(True) == 1


def test_a_body_of_another_wire_is_read_as_the_gateway_would_read_it(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    call = {"type": "function_call", "call_id": "a", "name": "list_users", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "a", "output": ROWS}
    body = json.dumps({"model": "gpt-5", "input": [call, output]}).encode()
    text = explained(capfdbinary, body)
    assert text.startswith("wire openai_responses, by the body's keys; --wire names another\n")
    assert "@@ /input/1/output @@ tool list_users {}\n  json, shortened" in text
    report = json.loads(explained(capfdbinary, body, "--json"))
    assert (report["wire"], report["untouched"]) == ("openai_responses", None)
    other = json.loads(explained(capfdbinary, body, "--json", "--wire", "openai_chat"))
    assert (other["wire"], other["untouched"]["reason"]) == ("openai_chat", "no_messages")
    assert explained(capfdbinary, body, "--wire", "gemini").startswith("wire gemini\n")


def test_an_unknown_wire_lists_the_known_ones(capsys: Captured) -> None:
    Path("body.json").write_bytes(b"{}")
    assert main(["explain", "body.json", "--wire", "telegraph"]) == 2
    assert "openai_chat" in capsys.readouterr().err


def test_a_wrong_number_of_lines_is_a_usage_error(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["explain", "body.json", "--lines", "-1"])
    assert ended.value.code == 2
