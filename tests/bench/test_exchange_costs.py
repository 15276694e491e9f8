"""The gateway's own code can be measured without a network; what is found is not looked at here."""

from __future__ import annotations

import uvloop

from bench.exchange.__main__ import NAMES, measure


def test_every_cost_is_found() -> None:
    found = uvloop.run(measure(list(NAMES), rounds=1))
    assert list(found) == list(NAMES)
    assert all(one.cpu_us > 0 and one.python_calls > 1 and one.c_calls > 1 for one in found.values())
