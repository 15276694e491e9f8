from __future__ import annotations

from bench.quality.__main__ import updated


def test_sections_measured_apart_keep_their_own_run() -> None:
    stored = {"date": "a", "texts": 1, "speed": 1, "runs": {"texts": {"date": "a"}, "speed": {"date": "a"}}}
    record = {"date": "b", "speed": 2, "runs": {"speed": {"date": "b"}}}
    assert updated(stored, record) == {
        "date": "b",
        "texts": 1,
        "speed": 2,
        "runs": {"texts": {"date": "a"}, "speed": {"date": "b"}},
    }


def test_a_result_from_before_there_were_runs_is_taken_up() -> None:
    assert updated({"texts": 1}, {"speed": 2, "runs": {"speed": {}}})["runs"] == {"speed": {}}
