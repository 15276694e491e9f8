from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from narrows.agents.tools import ClientTool, tools_digest

TOOLS = st.lists(st.builds(ClientTool, st.text(max_size=3), st.text(max_size=3), st.binary(max_size=3)), max_size=3)


@given(TOOLS, TOOLS)
def test_tools_are_equal_exactly_where_their_digests_are(one: list[ClientTool], other: list[ClientTool]) -> None:
    assert (tools_digest(one) == tools_digest(other)) == (one == other)


def test_no_tools_have_no_digest() -> None:
    assert tools_digest([]) == b""
