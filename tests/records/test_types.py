from __future__ import annotations

import msgspec
import pytest

from narrows.records.types import (
    MAX_NAME_CHARS,
    MAX_PATH_CHARS,
    DecisionRecord,
    ExchangeRecord,
    PlanFigures,
    ResponseFigures,
    Timings,
    short_name,
)
from tests.records.exchanges import decision, exchange, proxied


def as_json(record: msgspec.Struct) -> dict[str, object]:
    decoded: dict[str, object] = msgspec.json.decode(msgspec.json.encode(record))
    return decoded


def test_a_record_in_json() -> None:
    written = as_json(exchange())
    assert written["event"] == "exchange"
    assert written["gen_ai.request.model"] == "gpt-4o"
    assert written["plan"] == {
        "decision": "edited",
        "parts": 5,
        "shortened": {"log": 2},
        "kept": {"too_small": 2, "gate": 1},
        "tokens_before": 900,
        "tokens_after": 300,
        "encoding": "o200k_base",
        "encoding_assumed": False,
        "cache_hits": 1,
        "cache_misses": 2,
    }


def test_what_is_unknown_is_absent_and_what_is_zero_is_there() -> None:
    written = as_json(proxied())
    assert {"status", "request_bytes", "timings"} <= written.keys()
    assert written["request_bytes"] == 0
    assert not {"wire", "gen_ai.request.model", "stream", "plan", "response", "error_code"} & written.keys()
    assert written["timings"] == {"total_s": 0.1, "overhead_s": 0.0}


def test_a_decision_in_json() -> None:
    written = as_json(decision())
    assert (written["event"], written["decision"], written["kind"], written["role"]) == (
        "decision",
        "shortened",
        "log",
        "tool",
    )
    assert "reason" not in written


def test_overlong_names_are_cut() -> None:
    record = exchange(path="/" + "x" * 10_000, model="m" * 10_000)
    assert len(record.path) == MAX_PATH_CHARS
    assert record.model == "m" * MAX_NAME_CHARS


def test_what_cannot_be_printed_in_a_name_can_still_be_written() -> None:
    assert short_name("a\ud83d\u2028é\x9b\n") == "a??é??"
    assert short_name("gpt-4o\n") == "gpt-4o\n"
    assert as_json(exchange(model="é\ud83d"))["gen_ai.request.model"] == "é?"


@pytest.mark.parametrize("record", [ExchangeRecord, DecisionRecord, PlanFigures, ResponseFigures, Timings])
def test_no_field_can_hold_bytes(record: type[msgspec.Struct]) -> None:
    described = msgspec.inspect.type_info(record)
    assert isinstance(described, msgspec.inspect.StructType)
    assert described.fields
    assert "BytesType" not in repr(described)
    assert "AnyType" not in repr(described)


def test_records_do_not_change() -> None:
    with pytest.raises(AttributeError):
        exchange().status = 500  # type: ignore[misc]  # that it cannot be set is what is tested
