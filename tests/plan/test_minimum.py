from __future__ import annotations

import json
from dataclasses import replace

from narrows.core.cache_minimum import MOST_BYTES_PER_TOKEN, bytes_per_token
from narrows.plan.minimum import FAR, REACHED, Reach, reach_of
from narrows.policy import Level, Policy, Scope
from narrows.wire.openai_responses import WIRE as RESPONSES
from narrows.wire.registry import wire_named
from narrows.wire.types import Located, Wire

POLICY = Policy()
CHAT = wire_named("openai_chat")


def located(body: bytes, wire: Wire = CHAT) -> Located:
    found = wire.locate(body, Scope.STABLE)
    assert isinstance(found, Located)
    return found


def body_of(*sizes: int, system: int = 0, head: str = "", tail: str = "") -> bytes:
    messages = [{"role": "system", "content": "s" * system}]
    messages += [
        {"role": "tool", "tool_call_id": str(number), "content": "x" * size} for number, size in enumerate(sizes)
    ]
    return f'{{"model":"m",{head}"messages":{json.dumps(messages)}{tail}}}'.encode()


def reach(body: bytes, minimum_bytes: int, *, refers: bool = True, policy: Policy = POLICY) -> Reach:
    return reach_of(body, located(body), policy, minimum_bytes, refers=refers)


def lacking(body: bytes, minimum_bytes: int) -> list[int | None]:
    found = reach(body, minimum_bytes)
    return [found.lacking.get(part.span.start) for part in located(body).parts]


def test_each_part_lacks_less_until_the_minimum_is_reached() -> None:
    first, second, third, fourth = lacking(body_of(400, 100, 400, 400, system=200), 1_000)
    assert first is not None
    assert 600 < first < 800
    assert second is None, "too small for any work"
    assert third is not None
    assert 0 < third < first - 500
    assert fourth is None


def test_instructions_and_tools_count_wherever_they_stand() -> None:
    tools = '"tools":["%s"]' % ("t" * 300)
    before, behind = body_of(400, head=tools + ","), body_of(400, tail="," + tools)
    assert lacking(before, 1_000) == lacking(behind, 1_000) != lacking(body_of(400), 1_000)
    assert lacking(before, 200) == [None]


def test_a_part_that_alone_makes_the_prompt_long_waits_for_nothing() -> None:
    assert lacking(body_of(FAR * 1_000), 1_000) == [None]
    assert lacking(body_of(FAR * 900), 1_000) != [None]


def test_where_nothing_waits_nothing_is_lacking() -> None:
    body = body_of(400)
    assert reach(body, 0) is REACHED
    assert reach(body, 1_000, policy=replace(POLICY, level=Level.OFF)) is REACHED
    stored = b'{"previous_response_id":"r","input":[{"type":"function_call_output","call_id":"c","output":"%b"}]}' % (
        b"x" * 400
    )
    assert reach_of(stored, located(stored, RESPONSES), POLICY, 1_000, refers=False) is REACHED


def test_marks_name_what_earlier_outputs_lacked_where_parts_refer_to_them() -> None:
    body = body_of(400, 400)
    first, second = (part.span.start for part in located(body).parts)
    found, alone = reach(body, 5_000), reach(body, 5_000, refers=False)
    assert found.marks[second] == found.behind != found.marks[first]
    other = body_of(500, 300)
    assert reach(other, 5_000).lacking != found.lacking
    assert reach(other, 5_000).behind != found.behind
    assert reach(body_of(400, 400, 400), 5_000).marks[second] == found.behind
    assert alone.marks == {start: b"%d" % bytes_ for start, bytes_ in found.lacking.items()}
    assert not alone.behind


def test_a_reach_holds_for_the_same_instructions_once_it_is_reached() -> None:
    head = '"tools":["%s"],' % ("t" * 300)
    body, longer = body_of(400, 900, head=head), body_of(400, 900, 900, head=head)
    found = reach(body, 1_000)
    assert found.reached
    assert found.holds_for(longer, located(longer))
    assert reach(longer, 1_000) == found
    for other in (head.replace("t", "u"), '"tools":["t"],', ""):
        changed = body_of(400, 900, head=other)
        assert not found.holds_for(changed, located(changed))
    assert not reach(body, 9_000).holds_for(body, located(body))


def test_what_it_takes_in_memory_grows_with_what_it_holds() -> None:
    small, large = reach(body_of(400), 1_000), reach(body_of(400, 400, head='"tools":["tttttttt"],'), 9_000)
    assert REACHED.size_bytes < small.size_bytes < large.size_bytes


def test_what_names_a_later_part_is_no_longer_than_what_names_an_earlier_one() -> None:
    marks = reach(body_of(*[300] * 300), 200_000).marks
    assert len(marks) == 300
    assert len(set(marks.values())) == 300
    assert len(set(map(len, marks.values()))) == 1


def test_a_policy_counts_in_tokens() -> None:
    assert Policy().cache_minimum_bytes("gpt-4o") == 0
    assert Policy().cache_minimum_bytes("gemini-3-pro") == int(4096 * bytes_per_token("gemini-3-pro"))
    assert Policy(cache_minimum_tokens=0).cache_minimum_bytes("gemini-3-pro") == 0
    assert Policy(cache_minimum_tokens=100).cache_minimum_bytes(None) == int(100 * MOST_BYTES_PER_TOKEN)
    assert Policy(cache_minimum_tokens=100).cache_minimum_bytes("claude-opus-5") == 310
