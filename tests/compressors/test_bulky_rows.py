"""Which rows of a bulky table stay, and what is said of the others."""

from __future__ import annotations

import json

from narrows.compressors.bulky_rows import Bulk, Column, shortened, survivors

BULK = Bulk(rows=10, characters=100, head_characters=40)
COUNT = 200
LINES = [f"row {i:04d}" for i in range(COUNT)]


def column(name: str, cells: list[str]) -> Column:
    return Column(name, name, cells)


def kept(*columns: Column) -> set[int]:
    found = survivors(LINES, columns, (), BULK)
    assert found is not None
    return {index for index, stays in enumerate(found) if stays}


def test_a_table_is_bulky_by_rows_and_characters() -> None:
    assert BULK.is_reached(LINES)
    assert not BULK.is_reached(LINES[:10])
    assert not BULK.is_reached(["x"] * 50)


def test_the_first_characters_and_the_last_rows_stay() -> None:
    found = kept(column("id", [f"k{i}" for i in range(COUNT)]))
    assert found == {0, 1, 2, 3, 4, *range(COUNT - 10, COUNT)}


def test_rare_values_troubles_and_outliers_stay() -> None:
    assert 77 in kept(column("kind", ["rare" if i == 77 else "usual" for i in range(COUNT)]))
    assert 78 in kept(column("status", ["timed out" if i == 78 else f"ok {i}" for i in range(COUNT)]))
    assert 79 in kept(column("amount", ["99999" if i == 79 else str(i % 50) for i in range(COUNT)]))


def test_both_sides_of_a_change_stay() -> None:
    assert {99, 100} <= kept(column("phase", ["before" if i < 100 else "after" for i in range(COUNT)]))


def test_the_smallest_and_the_largest_number_stay() -> None:
    odd = {60: "5", 61: "64"}
    assert {60, 61} <= kept(column("amount", [odd.get(i, str(10 + i % 50)) for i in range(COUNT)]))


def test_a_gap_of_four_rows_is_one_and_smaller_ones_are_shown() -> None:
    rare = {100: "a", 105: "b", 120: "c", 124: "d"}
    found = kept(column("kind", [rare.get(i, "uv"[i % 2]) for i in range(COUNT)]))
    assert found & {*range(98, 128)} == {100, 105, *range(120, 125)}


def test_where_most_rows_tell_something_all_stay() -> None:
    assert survivors(LINES, [column("state", [f"failed {i}" for i in range(COUNT)])], (), BULK) is None


def test_gaps_are_marked_and_summed_up() -> None:
    cells = ["usual" if i % 2 else "" for i in range(COUNT)]
    numbers = [str(i) for i in range(COUNT)]
    columns = [column("kind", cells), column("n", numbers)]
    found = survivors(LINES, columns, (), BULK)
    assert found is not None
    lines = shortened(LINES, columns, (), found, json.dumps)
    assert "[narrows: rows 6-190 left out]" in lines
    assert lines[-1] == '[narrows: 185 rows left out; kind: 93 "usual", 92 ""; n: 5..189]'
