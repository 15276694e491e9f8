"""Every seed passes its target, and a target sees what is wrong."""

from __future__ import annotations

import pytest

from narrows.compressors import marks
from narrows.core import jsonscan, sse
from narrows.core.http1 import ChunkDecoder
from narrows.inject.events import EventCutter
from narrows.plan import DecisionCache
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import LONGEST, MODULES, make_target

BROKEN = {
    "http1": (ChunkDecoder, "receive_data", lambda decoder, data: (len(data), [data])),
    "jsonscan": (jsonscan, "document", lambda body: [("a", 0, 1)]),
    "sse": (sse.EventStreamDecoder, "receive_data", lambda decoder, data: []),
    "planner": (DecisionCache, "__init__", lambda cache, size: 1 / 0),
    "compressors": (marks, "is_mark", lambda line: False),
    "offered": (EventCutter, "receive_eof", lambda cutter: b"lost"),
}


@pytest.mark.parametrize("name", MODULES)
def test_every_seed_passes(name: str) -> None:
    target = make_target(name)
    given = list(seeds(name))
    assert given
    assert max(map(len, given)) <= LONGEST[name]
    for seed in (b"", *given):
        target(seed)


@pytest.mark.parametrize("name", MODULES)
def test_a_fault_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, attribute, broken = BROKEN[name]
    monkeypatch.setattr(owner, attribute, broken)
    with pytest.raises((AssertionError, ArithmeticError, ValueError, LookupError)):  # noqa: PT012  # it may come early
        target = make_target(name)
        for seed in seeds(name):
            target(seed)


def test_seeds_are_the_same_each_time() -> None:
    assert [list(seeds(name)) for name in MODULES] == [list(seeds(name)) for name in MODULES]
