"""A reader of items `{"id": ..., "call": {...}}` and `{"of": id, "content": ...}`: what all wires' readers share."""

from __future__ import annotations

import json
from typing import Any

import pytest

from narrows.core import jsonscan
from narrows.core.digest import call_digest, chain_digest, part_digest
from narrows.core.tool_call import OutputPlace, ToolCall
from narrows.wire.conversation import ConversationReader
from narrows.wire.items import Fields
from narrows.wire.types import Role


class Notes(ConversationReader):
    def read_item(self, fields: Fields, fault: str | None) -> None:
        if "call" in fields:
            self.remember(self.text(fields.get("id")), self.call(self.object(fields["call"])))
        if "content" in fields:
            call = self.calls.get(self.text(fields.get("of")) or "")
            self.add_texts(f"/{self.index}/content", fields["content"], (Role.TOOL, call, None))


def read(items: list[Any]) -> Notes:
    body = json.dumps(items).encode()
    return Notes(body, None).read(jsonscan.elements(body, 0, len(body), None))


def test_a_part_is_found_with_its_call() -> None:
    notes = read([{"id": "a", "call": {"name": "f", "arguments": "{}"}}, {"of": "a", "content": "x" * 600}])
    (part,) = notes.parts
    assert (part.pointer, part.message_index, part.tool_call) == ("/1/content", 1, ToolCall("f", "{}"))
    assert part.digest == part_digest(b'"%b"' % (b"x" * 600), "tool", call_digest(part.tool_call))


def test_small_parts_are_not_digested() -> None:
    assert [part.digest for part in read([{"content": "small"}]).parts] == [None]


def test_texts_in_an_array_by_their_type() -> None:
    notes = read([{"content": [{"type": "text", "text": "a"}, {"type": "image", "text": "b"}, "c", {"type": "text"}]}])
    assert [part.pointer for part in notes.parts] == ["/0/content/0/text"]


def test_a_key_that_stands_twice_is_a_fault_of_its_part_alone() -> None:
    body = b'[{"content": [{"type": "text", "text": "a", "text": "b"}, {"type": "text", "text": "c"}]}]'
    notes = Notes(body, None).read(jsonscan.elements(body, 0, len(body), None))
    assert [part.fault for part in notes.parts] == ["duplicate key", None]


@pytest.mark.parametrize(("said", "arguments"), [("x", "x"), ({"a": 1}, '{"a": 1}'), (7, ""), (None, ""), (["x"], "")])
def test_arguments_are_text_or_an_object(said: object, arguments: str) -> None:
    notes = read([{"id": "a", "call": {"name": "f", "arguments": said}}])
    assert notes.calls["a"][0] == ToolCall("f", arguments)


def test_of_two_calls_with_one_id_the_nearer_wins_and_nameless_ones_are_none() -> None:
    calls = [{"id": "a", "call": {"name": name}} for name in ("f", "g", None)]
    assert read(calls).calls["a"][0].name == "g"


def test_a_copy_goes_its_own_way() -> None:
    notes = read([{"id": "a", "call": {"name": "f"}}, {"content": "x"}])
    other = notes.copy(b'[{"content": "y"}]', None)
    other.read([(1, 17)])
    other.remember("b", other.calls["a"])
    assert (len(notes.parts), len(other.parts), len(notes.calls)) == (1, 2, 1)
    assert other.parts[-1].pointer == "/2/content"


def test_memory_is_counted() -> None:
    small, large = (read([{"id": "a", "call": {"name": "f", "arguments": "x" * size}}]) for size in (1, 10_000))
    assert large.size_bytes - small.size_bytes == 9_999


def test_outputs_are_counted_and_chained() -> None:
    """Small outputs and those without text are counted too; only digested ones are part of the chain."""
    long = "x" * 600
    texts = [{"type": "text", "text": one} for one in ("small", long, long)]
    notes = read([{"content": long}, {"content": "small"}, {"content": None}, {"content": texts}])
    assert [part.output for part in notes.parts] == [
        OutputPlace(1),
        None,
        None,
        OutputPlace(4, 2),
        OutputPlace(4, 3),
    ]
    chain = b""
    for part in (notes.parts[0], *notes.parts[3:]):
        assert part.digest is not None
        assert part.output is not None
        before, chain = chain, chain_digest(chain, part.digest, part.output)
        assert part.chain == (chain if before else None)


class Words(ConversationReader):
    """Every item is a user's text."""

    def read_item(self, fields: Fields, fault: str | None) -> None:
        self.add(f"/{self.index}/said", fields["said"], (Role.USER, None, fault))


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("x" * 600 + "\n(Open file: n/a)\n(Current directory: /)\nbash-$", Role.OBSERVATION),
        ("<returncode>0</returncode>\n<output>\n" + "x" * 600 + "\n</output>", Role.OBSERVATION),
        ("Observation:\nExecution logs:\nx\nLast output from code snippet:\nNone", Role.OBSERVATION),
        ("Observation:\nit fails", Role.USER),
        ("why do I see bash-$", Role.USER),
        ("a list [1]", Role.USER),
        ("hello", Role.USER),
    ],
)
def test_user_text_in_a_frame_that_no_person_types_is_an_observation(text: str, role: Role) -> None:
    body = json.dumps([{"said": text}]).encode()
    words = Words(body, None)
    words.acted = True
    (part,) = words.read(jsonscan.elements(body, 0, len(body), None)).parts
    assert part.role is role
    assert (part.output is not None) is (role is Role.OBSERVATION and len(text) > 256)


def test_before_the_model_has_spoken_there_is_nothing_to_observe() -> None:
    task = "ISSUE: it fails" + " so often" * 80 + "\n(Open file: n/a)\n(Current directory: /)\nbash-$"
    body = json.dumps([{"said": task}]).encode()
    (part,) = Words(body, None).read(jsonscan.elements(body, 0, len(body), None)).parts
    assert part.role is Role.USER


def test_a_literal_that_cannot_be_decoded_is_no_observation() -> None:
    body = b'[{"said": "\\ud800\\n(Current directory: /)\\nbash-$"}]'
    words = Words(body, None)
    words.acted = True
    (part,) = words.read(jsonscan.elements(body, 0, len(body), None)).parts
    assert part.role is Role.USER


def test_the_same_message_again_takes_no_part_in_repeats() -> None:
    """Equal texts of one call are the same message twice, and go out as the same bytes."""
    body = json.dumps(["x" * 600] * 3).encode()
    elements = jsonscan.elements(body, 0, len(body), None)
    notes = Notes(body, None)
    for number, place in zip(("a", "a", "b"), elements, strict=True):
        notes.add_texts(f"/{number}", place, (Role.TOOL, None, None), identity=number)
    assert [part.output.number if part.output else None for part in notes.parts] == [1, None, 3]
