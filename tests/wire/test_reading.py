from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from narrows.wire.reading import ENDS, LONG_BYTES, STEP_BYTES, Latest, Notes, ReadingMemory, latest_of, marks_of
from narrows.wire.types import Located

BODY = bytes(range(256)) * 256  # four steps
SALT = b"reader"


def test_marks_stand_at_fixed_places_and_name_the_bytes_before_them() -> None:
    marks = marks_of(BODY, 5, len(BODY), SALT)
    assert [mark.offset for mark in marks] == [5 + STEP_BYTES * step for step in (1, 2, 3)]
    longer = marks_of(BODY + b"more" * STEP_BYTES, 5, len(BODY) + 4 * STEP_BYTES, SALT)
    assert longer[: len(marks)] == marks
    changed = bytearray(BODY)
    changed[5 + STEP_BYTES] ^= 1
    assert marks_of(bytes(changed), 5, len(BODY), SALT)[:1] == marks[:1]
    assert not {mark.digest for mark in marks[1:]} & {
        mark.digest for mark in marks_of(bytes(changed), 5, len(BODY), SALT)
    }


def test_place_and_reader_belong_to_a_mark() -> None:
    body = b" " + BODY + BODY
    one, other = marks_of(body, 1, len(BODY), SALT), marks_of(body, 1 + len(BODY), 2 * len(BODY), SALT)
    assert body[1 : 1 + STEP_BYTES] == body[1 + len(BODY) : 1 + len(BODY) + STEP_BYTES]
    assert one[0].digest != other[0].digest
    assert one[0].digest != marks_of(body, 1, len(BODY), b"another reader")[0].digest


def test_a_short_array_has_no_marks_and_a_long_one_few() -> None:
    assert marks_of(BODY, 0, STEP_BYTES - 1, SALT) == []
    size = LONG_BYTES + 8 * STEP_BYTES
    assert len(marks_of(bytes(size), 0, size, SALT)) == 16 + 2


def kept(memory: ReadingMemory, body: bytes, end: int, known: object) -> None:
    memory.keep(body, marks_of(body, 0, end, SALT)[-1], end, known, 100)


def recalled(memory: ReadingMemory, body: bytes, stop: int | None = None) -> object:
    stop = len(body) if stop is None else stop
    found = memory.recall(body, marks_of(body, 0, stop, SALT), stop)
    return found and found.known


def test_the_furthest_reading_of_the_same_bytes_is_recalled() -> None:
    memory = ReadingMemory(100_000)
    kept(memory, BODY, 17_000, "near")
    kept(memory, BODY, 40_000, "far")
    assert recalled(memory, BODY) == "far"
    assert recalled(memory, BODY, 39_000) == "near"
    assert recalled(memory, BODY[:39_999] + b"other" * 9_000) == "near"
    assert recalled(memory, BODY[:17_000]) is None, "the array goes on behind what was read"
    assert recalled(memory, b"x" + BODY) is None


@given(st.integers(STEP_BYTES, len(BODY) - 1), st.data())
def test_any_other_byte_before_the_end_is_another_conversation(end: int, data: st.DataObject) -> None:
    memory = ReadingMemory(100_000)
    kept(memory, BODY, end, "known")
    changed = bytearray(BODY)
    place = data.draw(st.integers(0, len(BODY) - 1))
    changed[place] ^= 1
    assert (recalled(memory, bytes(changed)) == "known") == (place >= end)


def test_forgotten_readings_leave_the_others() -> None:
    memory = ReadingMemory(100_000)
    kept(memory, BODY, 17_000, "one")
    kept(memory, BODY, 17_500, "two")
    held = memory.size_bytes
    reading = memory.recall(BODY, marks_of(BODY, 0, 17_400, SALT), 17_400)
    assert reading is not None
    assert (reading.known, reading.position) == ("one", 17_000)
    memory.forget(reading)
    assert recalled(memory, BODY, 17_400) is None
    assert recalled(memory, BODY) == "two"
    assert memory.size_bytes < held
    memory.forget(reading)


def test_many_ends_behind_one_mark_are_bounded() -> None:
    memory = ReadingMemory(1 << 20)
    prompt = BODY[:STEP_BYTES]
    talks = [prompt + b"%04d" % number * 100 for number in range(ENDS + 1)]
    for number, body in enumerate(talks):
        kept(memory, body, len(body) - number - 1, number)
    assert [recalled(memory, body) for body in talks] == [None, *range(1, ENDS + 1)]


def test_it_is_bounded_by_bytes() -> None:
    memory = ReadingMemory(8_000)
    for end in range(17_000, 60_000, 1_000):
        memory.keep(BODY, marks_of(BODY, 0, end, SALT)[-1], end, end, 500)
        assert memory.size_bytes <= 8_000
    assert recalled(memory, BODY) == 59_000


def test_who_reads_on_finds_the_notes_of_before_and_makes_new_ones() -> None:
    notes = Notes()
    notes.own["key"], notes.own_bytes = "noted", 70
    further = notes.go_on()
    assert (further.earlier, further.earlier_bytes) == ({"key": "noted"}, 70)
    further.own["key"] = "more"
    assert notes.own == {"key": "noted"}
    assert further.own_bytes == 0


def test_notes_tell_no_values_apart() -> None:
    notes = Notes()
    notes.own["key"] = "noted"
    assert Located((), 0, notes=notes) == Located((), 0, notes=Notes()) == Located((), 0)
    assert notes != "noted"
    assert hash(notes) == hash(Notes())


def noted(memory: ReadingMemory, body: bytes, end: int, known: object) -> Latest[object]:
    latest: Latest[object] = latest_of(body, 0, end, SALT, known, 100)
    memory.note(latest, memory.again(body, 0, SALT))
    return latest


@given(st.integers(0, 29_999), st.integers(STEP_BYTES, 29_000))
def test_the_latest_body_is_compared_to_its_last_byte(place: int, end: int) -> None:
    memory = ReadingMemory(1 << 20)
    latest = noted(memory, BODY[:30_000], end, "known")
    changed = bytearray(BODY)
    changed[place] ^= 1
    assert memory.again(BODY, 0, SALT) is latest
    assert (memory.again(bytes(changed), 0, SALT) is latest) == (place >= end)
    assert memory.again(BODY[:end], 0, SALT) is None, "the array goes on behind what was read"
    assert memory.again(BODY, 1, SALT) is None
    assert memory.again(BODY, 0, b"another") is None


def test_the_latest_of_a_conversation_takes_the_place_of_the_one_before() -> None:
    memory = ReadingMemory(1 << 20)
    kept(memory, BODY, 17_000, "by digests")
    latest: Latest[object] = latest_of(BODY[:20_000], 0, 19_000, SALT, "first", 100)
    memory.note(latest, memory.recall(BODY, marks_of(BODY, 0, 19_500, SALT), 19_500))
    assert recalled(memory, BODY) is None
    held = memory.size_bytes
    noted(memory, BODY[:20_000], 19_500, "second")
    assert memory.size_bytes == held
    found = memory.again(BODY, 0, SALT)
    assert found is not None
    assert found.known == "second"


def test_what_there_is_no_room_for_is_known_by_its_digests() -> None:
    memory = ReadingMemory(4 * 30_000)
    talks = [BODY[:25_000] + b"%d" % number * 5_000 for number in range(4)]
    for talk in talks:
        noted(memory, talk, 29_000, talk)
        assert memory.size_bytes <= 4 * 30_000
    again = [memory.again(talk, 0, SALT) is not None for talk in talks]
    assert again == [False, False, False, True]
    assert [recalled(memory, talk) == talk for talk in talks] == [True, True, True, False]


def test_of_many_alike_the_latest_are_compared_and_the_others_known_by_their_digests() -> None:
    memory = ReadingMemory(64 << 20)
    talks = [BODY[:25_000] + b"%03d" % number * 2_000 for number in range(ENDS + 2)]
    for talk in talks:
        noted(memory, talk, len(talk) - 100, talk)
    again = [memory.again(talk, 0, SALT) is not None for talk in talks]
    assert again == [False, False, *[True] * ENDS]
    assert [recalled(memory, talk) == talk for talk in talks[:2]] == [True, True]


def test_what_is_too_large_is_not_compared() -> None:
    memory = ReadingMemory(50_000)
    noted(memory, BODY, 29_000, "known")
    assert memory.again(BODY, 0, SALT) is None
    assert recalled(memory, BODY) == "known"
