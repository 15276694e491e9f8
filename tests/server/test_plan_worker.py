"""What planning processes compute is what the library computes."""

from __future__ import annotations

import pickle

import pytest

from narrows.compressors.types import Reason
from narrows.core.tokens import TOKENIZER
from narrows.errors import SettingsError
from narrows.plan import MANY_PARTS, PartTask, decide_part, tasks_of
from narrows.policy import Policy, Scope
from narrows.server.plan_worker import Survey, decide, survey
from narrows.wire.registry import wire_named
from narrows.wire.types import Located, Refusal, Untouched
from tests.raw_client import chat, rows, tool_turn

POLICY = Policy(tokenizer=TOKENIZER)
BODY = chat({"role": "user", "content": "hi"}, *tool_turn("list", rows(50)), *tool_turn("cat", "x" * 2000))


def located(body: bytes) -> Located:
    found = wire_named("openai_chat").locate(body, Scope.STABLE)
    assert isinstance(found, Located)
    return found


def test_a_survey_finds_the_parts_and_travels_whole() -> None:
    found = survey(BODY, "openai_chat", POLICY)
    assert found == Survey(located(BODY), ())
    assert pickle.loads(pickle.dumps(found)) == found


def test_a_survey_of_very_many_parts_counts_those_without_work() -> None:
    repeated = b'{"role":"user","role":"user","content":"' + b"x" * 600 + b'"}'
    small = b",".join([b'{"role":"user","content":"hi"}'] * MANY_PARTS)
    body = BODY[:-2] + b"," + small + b"," + repeated + b"]}"
    found = survey(body, "openai_chat", POLICY)
    assert isinstance(found, Survey)
    assert found.located.parts == located(BODY).parts[1:]
    assert found.located.message_count == 5 + MANY_PARTS + 1
    assert dict(found.settled) == {Reason.TOO_SMALL: MANY_PARTS + 1, Reason.UNREADABLE: 1}
    assert pickle.loads(pickle.dumps(found)) == found


def test_a_survey_of_what_is_no_body_says_so() -> None:
    found = survey(b"[", "openai_chat", POLICY)
    assert isinstance(found, Untouched)
    assert found.reason is Refusal.NOT_JSON


def test_decisions_are_the_librarys_in_order() -> None:
    tasks = tuple(task for task in tasks_of(BODY, located(BODY), POLICY) if isinstance(task, PartTask))
    outcomes = decide(tasks, "none")
    assert outcomes == tuple(decide_part(task, None) for task in tasks)
    assert [outcome.replacement is not None for outcome in outcomes] == [True, False]
    assert pickle.loads(pickle.dumps((tasks, outcomes))) == (tasks, outcomes)


def test_a_classifier_that_cannot_be_loaded_is_no_decision() -> None:
    with pytest.raises(SettingsError, match="unknown name"):
        decide((), "oracle")
