from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.records.ring import ExchangeRing, written
from tests.records.exchanges import EDITED, exchange, response


def filled(capacity: int, count: int) -> ExchangeRing:
    ring = ExchangeRing(capacity)
    for number in range(count):
        ring.append(written(exchange(request_id=str(number))))
    return ring


@given(st.integers(1, 5), st.integers(0, 12), st.none() | st.integers(-1, 7))
def test_the_newest_are_kept_newest_first(capacity: int, count: int, limit: int | None) -> None:
    ring = filled(capacity, count)
    kept = [str(number) for number in range(count)][-capacity:][::-1]
    assert [record.request_id for record in ring.newest(limit)] == (kept if limit is None else kept[: max(limit, 0)])
    assert len(ring) == len(kept)
    assert ring.appended == count


def test_json() -> None:
    written = json.loads(filled(2, 3).to_json())
    assert written["appended"] == 3
    assert [one["request_id"] for one in written["exchanges"]] == ["2", "1"]
    assert len(json.loads(filled(2, 3).to_json(1))["exchanges"]) == 1


def test_a_ring_holds_something() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ExchangeRing(0)


def test_a_record_comes_back_as_it_went_in() -> None:
    ring = ExchangeRing()
    for record in (exchange(), exchange(plan=EDITED, response=response()), exchange(status=None)):
        ring.append(written(record))
        assert ring.newest(1) == (record,)
