"""What planning processes compute is what the library computes."""

from __future__ import annotations

import pickle

import pytest

from narrows.core.tokens import TOKENIZER
from narrows.errors import SettingsError
from narrows.plan import PartOutcome, PartTask, decide_part, part_key, tasks_of
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


def test_a_survey_names_the_work_and_settles_the_rest() -> None:
    found = survey(BODY, "openai_chat", POLICY)
    assert isinstance(found, Survey)
    assert found.located == located(BODY)
    tasks = tasks_of(BODY, located(BODY), POLICY)
    assert found.parts == tuple(task if isinstance(task, PartOutcome) else part_key(task) for task in tasks)
    assert [type(part) for part in found.parts] == [PartOutcome, bytes, bytes]
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
