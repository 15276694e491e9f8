from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from narrows.agents.request import Call, Message
from narrows.agents.session import chained, prefix_digests


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool"]), st.text(max_size=5)), max_size=5))
def test_a_prefix_has_the_digest_it_had(said: list[tuple[str, str]]) -> None:
    messages = [Message(role, text) for role, text in said]
    digests = prefix_digests("me", "a", "m", messages)
    for cut in range(len(messages)):
        assert prefix_digests("me", "a", "m", messages[:cut]) == digests[:cut]
    assert len(set(digests)) == len(digests)


def test_no_two_messages_run_together() -> None:
    pairs = [
        (Message("user", "ab"), Message("user", "c")),
        (Message("user", "a"), Message("user", "bc")),
        (Message("user", "abc"), Message("user", "")),
    ]
    assert len({prefix_digests("me", "a", "m", pair)[-1] for pair in pairs}) == 3
    calls = [Message("assistant", "", (Call(one, "f", ""),)) for one in ("x", "y")]
    assert chained(b"", calls[0]) != chained(b"", calls[1])


def test_tools_are_part_of_a_history() -> None:
    messages = [Message("user", "hi")]
    with_tools = [prefix_digests("me", "a", "m", messages, tools) for tools in (b"", b"x", b"y")]
    assert len(set(with_tools)) == 3
