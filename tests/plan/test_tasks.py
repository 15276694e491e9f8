from __future__ import annotations

import json
import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.compressors.types import Compressed, Kept, Reason
from narrows.core.jsonstr import AROUND_BYTES
from narrows.core.tokens import Encoding
from narrows.core.tool_call import ToolCall
from narrows.plan import PartTask, decide_part, part_key
from narrows.policy import Kind, Level, Policy, Scope
from narrows.wire.types import Role
from tests.laws.conversations import SHORTENED

O200K = Encoding("o200k_base", assumed=False)
TASK = PartTask(json.dumps(SHORTENED).encode(), Role.TOOL, ToolCall("bash", "{}"), Policy(), O200K)


class Names:
    """A classifier that calls every text the same."""

    version = "names-1"

    def __init__(self, kind: Kind | None) -> None:
        self.kind = kind
        self.asked = 0

    def classify(self, text: str) -> Kind | None:
        self.asked += 1
        return self.kind


OTHERS = [
    replace(TASK, literal=b'"x"'),
    replace(TASK, role=Role.USER),
    replace(TASK, tool_call=None),
    replace(TASK, tool_call=ToolCall("bash", "{ }")),
    replace(TASK, tool_call=ToolCall("sh", "{}")),
    replace(TASK, policy=Policy(level=Level.LOSSLESS)),
    replace(TASK, policy=Policy(min_saved_tokens=33)),
    replace(TASK, policy=Policy(classifier="magika-1.0.3")),
    replace(TASK, policy=Policy(tokenizer="other")),
    replace(TASK, encoding=Encoding("cl100k_base", assumed=False)),
    replace(TASK, encoding=Encoding("o200k_base", assumed=True)),
    replace(TASK, lacking=1),
    replace(TASK, lacking=2),
]


def test_a_key_names_everything_the_outcome_depends_on() -> None:
    keys = {part_key(task) for task in [TASK, *OTHERS]}
    assert len(keys) == 1 + len(OTHERS)


def test_a_text_is_shortened_to_what_the_prompt_lacks_and_no_further() -> None:
    shortened = decide_part(TASK, None)
    size = shortened.decision.bytes_after + AROUND_BYTES
    assert isinstance(shortened.decision.result, Compressed)
    assert decide_part(replace(TASK, lacking=size), None) == shortened
    whole = decide_part(replace(TASK, lacking=size + 1), None)
    assert whole.replacement is None
    assert whole.decision.result == Kept(
        Reason.BEFORE_CACHE_MINIMUM, shortened.decision.result.kind, f"{size} of {size + 1} bytes"
    )
    assert whole.decision.bytes_after == whole.decision.bytes_before
    assert whole.decision.tokens_after == whole.decision.tokens_before is not None


def test_a_key_does_not_name_the_scope() -> None:
    assert part_key(replace(TASK, policy=Policy(scope=Scope.LATEST))) == part_key(TASK)


@given(st.one_of(st.binary(max_size=80), st.text(max_size=80).map(lambda text: json.dumps(text).encode())))
def test_deciding_never_raises(literal: bytes) -> None:
    policy = Policy(json_min_bytes=1)
    outcome = decide_part(replace(TASK, literal=literal, policy=policy), None)
    assert outcome == decide_part(replace(TASK, literal=literal, policy=policy), None)
    assert (outcome.replacement is None) == isinstance(outcome.decision.result, Kept)


@pytest.mark.parametrize("literal", [b'"\\ud800' + b"x" * 900 + b'"', b'"' + b"\xff" * 900 + b'"'])
def test_a_text_that_cannot_be_read_is_kept(literal: bytes) -> None:
    outcome = decide_part(replace(TASK, literal=literal), None)
    assert isinstance(outcome.decision.result, Kept)
    assert outcome.decision.result.reason is Reason.UNREADABLE
    assert outcome.replacement is None


def test_a_person_s_text_is_never_a_matter_for_the_classifier() -> None:
    prose = json.dumps("It was the best of times. " * 80).encode()
    classifier = Names(Kind.JSON)
    of_user = decide_part(replace(TASK, literal=prose, role=Role.USER), classifier)
    assert isinstance(of_user.decision.result, Kept)
    assert of_user.decision.result.reason is Reason.NOT_ELIGIBLE
    assert classifier.asked == 0
    decide_part(replace(TASK, literal=prose), classifier)
    assert classifier.asked == 1


def test_a_person_s_text_that_a_grammar_explains_is_shortened() -> None:
    assert isinstance(decide_part(replace(TASK, role=Role.USER), None).decision.result, Compressed)


def test_tasks_and_outcomes_travel_between_processes() -> None:
    outcome = decide_part(TASK, None)
    assert outcome.replacement is not None
    assert pickle.loads(pickle.dumps(TASK)) == TASK
    assert part_key(pickle.loads(pickle.dumps(TASK))) == part_key(TASK)
    assert pickle.loads(pickle.dumps(outcome)) == outcome
