"""The conservative reader: it sees what is joined falsely, and nothing else."""

from __future__ import annotations

import json

from bench.quality.truth import conservative, false_places, false_rows, paths_of, places, repeat, strict

RG = "src/a.py:1:import os\nsrc/a.py:7:    return os\nsrc/b.py:7:    return None\n"
HEADINGS = "src/a.py\n1:import os\n7:    return os\n\nsrc/b.py\n7:    return None\n"
ROWS = json.dumps([{"id": 1, "state": "open"}, {"id": 2, "state": "shut"}])


def test_places_are_read_from_lines_headings_and_folders() -> None:
    expected = {("src/a.py", "1", "import os"), ("src/a.py", "7", "return os"), ("src/b.py", "7", "return None")}
    paths = paths_of(RG)
    assert set(places(RG, paths)) == expected
    assert set(places(HEADINGS, paths)) == expected
    assert set(places("src/\na.py\n1:import os\n7:return os\n\nb.py:7: return None\n", paths)) == expected
    assert paths_of(HEADINGS) == {"src/a.py", "src/b.py"}


def test_a_path_with_a_number_in_it_is_a_path() -> None:
    source = "d/dashes-12-file.txt:4:x\nd/dashes-12-file.txt-5-y\n"
    assert ("d/dashes-12-file.txt", "5", "y") in set(places(source, paths_of(source)))
    assert false_places(source, "d/dashes-12-file.txt\n4:x\n5-y\n") == []


def test_a_line_under_another_heading_is_false() -> None:
    assert false_places(HEADINGS, "src/a.py\n1:import os\n[... cut ...]\n7:    return None\n") == [
        ("src/a.py", "7", "return None")
    ]


def test_a_number_that_became_another_is_false() -> None:
    assert false_places(RG, "src/a.py:2:import os\n") == [("src/a.py", "2", "import os")]


def test_fewer_lines_and_cut_lines_are_not_false() -> None:
    assert false_places(RG, "src/b.py:7:    return None\n") == []
    assert false_places(RG, "src/a.py:7:    ret...\n") == []


def test_an_empty_line_ends_a_heading() -> None:
    assert false_places(HEADINGS, "src/a.py\n\n7:    return None\n") == []


def test_a_row_of_two_rows_is_false() -> None:
    assert false_rows(ROWS, '[{"id": 1, "state": "shut"}]') == [{"id": 1, "state": "shut"}]
    assert false_rows(ROWS, 'before {"id": 2, "state": "shut"} after') == []
    assert false_rows(ROWS, '{"id": 2}') == []


def test_a_mark_in_place_of_a_value_is_not_false() -> None:
    assert false_rows(ROWS, '{"id": 2, "state": "<<left out>>"}') == []


def test_types_tell_values_apart() -> None:
    source = json.dumps([{"id": 1, "n": None}, {"id": "1", "n": ""}])
    assert false_rows(source, '{"id": "1", "n": null}') == [{"id": "1", "n": None}]


def test_the_reader_is_chosen_by_the_source() -> None:
    assert conservative(ROWS, ROWS) == []
    assert len(conservative(ROWS, '[{"id": 1, "state": "shut"}]')) == 1
    assert len(conservative(RG, "src/a.py:2:import os\n")) == 1


def test_the_strict_reader_objects_to_a_text_that_is_no_output() -> None:
    assert strict("json", ROWS, "[narrows: JSON, lossless]\n[1,2]") is not None
    assert strict("search", RG, RG) is not None


def test_a_repeat_is_held_against_what_was_forwarded_before() -> None:
    lines = [f"value_{number} = compute({number})" for number in range(20)]
    whole = "[narrows: 20 lines, all as in tool output 1 (1 before this); nothing left out]"
    source = "\n".join(lines)
    assert repeat(source, whole, {(1, 1): source}, 2) is None
    assert repeat(source, whole, {(1, 1): source + "x"}, 2) is not None
    assert repeat(source, whole, {}, 2) is not None
    assert repeat(source, source, {}, 2) is None


def test_a_separator_below_a_heading_is_no_path() -> None:
    source = "src/a.py\n6-x\n7:y\n--\n12-z\n13:w\n"
    assert false_places(source, "src/a.py\n7:y\n13:w\n") == []
    assert false_places(source, "src/a.py\n7:w\n") == [("src/a.py", "7", "w")]


def test_a_path_may_end_in_what_looks_like_a_line_number() -> None:
    source = "./a.py:3:1:TODO one\n./a.py:3:9:TODO two\n"
    assert false_places(source, "./a.py:3\n1:TODO one\n9:TODO two\n") == []
    assert false_places(source, "./a.py:3\n1:TODO two\n") != []


def test_colours_are_no_part_of_what_is_said() -> None:
    source = "src/a.py:2:\x1b[31mimport os\x1b[0m\nsrc/a.py:7:x = 1\n"
    assert conservative(source, "src/a.py:2:import os\n") == []
    assert conservative(source, "src/a.py:7:\x1b[31mimport os\x1b[0m\n") == ["src/a.py:7:import os"]
