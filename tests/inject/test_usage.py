"""Usage of several answers: output is added up, the rest is the last answer's."""

from __future__ import annotations

import json
from typing import Any

from narrows.core.edits import apply_edits
from narrows.inject.usage import Tally, added_usage


def told(tally: Tally, usage: Any) -> Any:
    body = json.dumps(usage).encode()
    return json.loads(apply_edits(body, added_usage(body, (0, len(body)), tally)))


def test_output_is_added_and_input_is_the_last() -> None:
    tally = Tally((("out",), ("details", "thought")), ("total",))
    assert told(tally, {"in": 5, "out": 2, "total": 7, "details": {"thought": 1}})["out"] == 2
    tally.go_on()
    told(tally, {"in": 6, "out": 1, "total": 7, "details": {"thought": 1}})
    tally.go_on()
    found = told(tally, {"in": 9, "out": 4, "total": 13, "details": {"thought": 0}})
    assert found == {"in": 9, "out": 7, "total": 16, "details": {"thought": 2}}


def test_a_figure_counts_once_however_often_it_is_said() -> None:
    tally = Tally((("out",),))
    for count in (1, 2, 3):
        told(tally, {"out": count})
    tally.go_on()
    assert told(tally, {"out": 1}) == {"out": 4}
    assert told(tally, {"out": 2}) == {"out": 5}


def test_parts_of_the_output_add_up() -> None:
    tally = Tally((("text",), ("thoughts",)), ("total",), parts_of_output=True)
    told(tally, {"text": 3, "thoughts": 4})
    tally.go_on()
    assert told(tally, {"text": 1, "thoughts": 1, "total": 10}) == {"text": 4, "thoughts": 5, "total": 17}
    assert told(tally, {"total": 10}) == {"text": 4, "thoughts": 5, "total": 17}, "said before, and cumulative"


def test_a_figure_that_the_last_answer_does_not_have() -> None:
    tally = Tally((("text",), ("thoughts",)), ("total",), parts_of_output=True)
    told(tally, {"text": 3, "thoughts": 4})
    tally.go_on()
    assert told(tally, {"text": 1, "total": 10}) == {"text": 4, "thoughts": 4, "total": 17}
    assert told(tally, {"trafficType": "x"}) == {"trafficType": "x"}, "no figures, so none of ours"


def test_what_is_no_count_stays() -> None:
    tally = Tally((("out",),), ("total",))
    told(tally, {"out": 3})
    tally.go_on()
    odd: list[Any] = [None, [], {"out": None, "total": 1}, {"out": 1.5}, {"out": "3"}, {"in": 3}]
    for usage in odd:
        assert told(tally, usage) == usage
