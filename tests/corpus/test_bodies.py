"""Every request body of the shared corpus is planned as its sidecar says: hostile ones, captured ones byte by byte,
recorded ones, and the large ones that are generated from their recipes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from narrows.core import jsonstr
from narrows.core.edits import apply_edits
from narrows.plan import DecisionCache, Plan, plan_body
from narrows.policy import Policy, Scope
from narrows.wire.openai_chat import WIRE
from narrows.wire.types import Located, Role
from tests.laws.kinds import EVERY_SIZE
from tests.laws.test_law_1_locality import assert_local

POLICIES = (Policy(), Policy(scope=Scope.LATEST), EVERY_SIZE)


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def read(path: Path, record: dict[str, Any]) -> bytes:
    body = path.read_bytes()
    assert hashlib.sha256(body).hexdigest() == record["sha256"], "the corpus is damaged"
    return body


def edited(plan: Plan) -> set[str]:
    return {one.part.pointer for one in plan.parts if one.outcome.replacement is not None}


def test_hostile_bodies_do_what_their_sidecars_say(corpus: Path) -> None:
    folder = corpus / "bodies" / "hostile"
    forwards = set()
    for record in records(folder / "expectations.jsonl"):
        body = read(folder / record["file"], record)
        for policy in POLICIES:
            plan = plan_body(body, WIRE, policy)
            assert plan == plan_body(body, WIRE, policy), record["file"]
            if record["forward"] == "identical":
                assert apply_edits(body, plan.edits) is body, record["file"]
            else:
                assert edited(plan) <= set(record["editable_pointers"]), record["file"]
                assert plan.untouched is None, record["file"]
                assert_local(body, plan)
            if not record["rfc8259_valid"]:
                assert plan.untouched is not None, record["file"]
        forwards.add(record["forward"])
    assert forwards == {"identical", "identical-except-editable"}


def test_equal_texts_of_two_calls_are_edited_alike(corpus: Path) -> None:
    body = (corpus / "bodies" / "hostile" / "tool-dup-ids.json").read_bytes()
    outcomes = [one.outcome for one in plan_body(body, WIRE, EVERY_SIZE).parts if one.part.role is Role.TOOL]
    assert len(outcomes) == 2
    assert outcomes[0] == outcomes[1]


def test_captured_and_recorded_bodies_are_located_whole(corpus: Path) -> None:
    folder = corpus / "bodies"
    seen = 0
    for record in records(folder / "index.jsonl"):
        body = read(folder / record["file"], record)
        if (json.loads(body).get("n") or 1) > 1:
            assert apply_edits(body, plan_body(body, WIRE, EVERY_SIZE).edits) is body
            continue
        located = WIRE.locate(body, Scope.STABLE)
        assert isinstance(located, Located), record["file"]
        assert located.message_count == record["messages"]
        assert located.model == record["model"]
        assert located.stream == bool(record["stream"])
        tools = {one.pointer.split("/content")[0] + "/content" for one in located.parts if one.role is Role.TOOL}
        assert tools <= set(record["tool_messages"])
        expected = {one for one in record["tool_messages"] if isinstance(at(json.loads(body), one), str)}
        assert expected <= tools, record["file"]
        for policy in POLICIES:
            assert_local(body, plan_body(body, WIRE, policy))
        seen += len(tools)
    assert seen > 50


def at(value: Any, pointer: str) -> Any:
    for key in pointer.split("/")[1:]:
        value = value[int(key)] if isinstance(value, list) else value.get(key)
    return value


def generated(spec: dict[str, Any]) -> Iterator[str]:
    """The pieces of a large body, as generators.spec.json describes them."""
    yield '{"model":"m","messages":[{"role":"user","content":"go"}'
    for k in range(spec["turns"]):
        call = f'{{"id":"call_{k}","type":"function","function":{{"name":"bash","arguments":"{{}}"}}}}'
        yield f',{{"role":"assistant","content":null,"tool_calls":[{call}]}}'
        lines = (
            f"{k:04d}:{i:06d} module_{(i * 7919 + k) % spec['modules']} "
            f"status={'FAILED' if i == spec['failed_line'] else 'ok'} value={(i * 104729 + k * 31) % 1000003}"
            for i in range(spec["lines_per_tool"])
        )
        yield f',{{"role":"tool","tool_call_id":"call_{k}","content":"' + "\\n".join(lines) + '"}'
    yield "]}"


@pytest.mark.parametrize("name", ["big-5mb-one-message", "big-5mb-200-turns", "big-32mb-40-turns"])
def test_large_bodies(corpus: Path, name: str) -> None:
    specs = json.loads((corpus / "bodies" / "hostile" / "generators.spec.json").read_bytes())["specs"]
    (spec,) = [one for one in specs if one["name"] == name]
    body = "".join(generated(spec)).encode()
    assert (len(body), hashlib.sha256(body).hexdigest()) == (spec["bytes"], spec["sha256"])
    cache = DecisionCache(256 << 20)
    plan = plan_body(body, WIRE, Policy(), cache=cache)
    assert plan.located is not None
    assert [one.part.role for one in plan.parts] == [Role.USER] + [Role.TOOL] * spec["turns"]
    assert plan_body(body, WIRE, Policy(), cache=cache).edits == plan.edits
    new = apply_edits(body, plan.edits)
    assert new is body or len(new) < len(body)
    for turn, planned in enumerate(plan.parts[1:]):
        sent = jsonstr.decode(planned.outcome.replacement or planned.part.span.of(body))
        assert f"{turn:04d}:{spec['failed_line']:06d}" in sent
        assert "FAILED" in sent
