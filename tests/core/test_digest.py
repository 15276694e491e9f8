from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from narrows.core.digest import call_digest, chain_digest, part_digest
from narrows.core.tool_call import OutputPlace, ToolCall

SHORT = st.text("ab1:;\ud800", max_size=3)
CALLS = st.one_of(st.none(), st.builds(ToolCall, SHORT, SHORT))
FIELDS = st.tuples(st.binary(max_size=3), st.sampled_from(("tool", "user")), CALLS)


def digest(literal: bytes, role: str, call: ToolCall | None) -> bytes:
    return part_digest(literal, role, call_digest(call))


@given(FIELDS, FIELDS)
def test_equal_digests_mean_equal_fields(
    one: tuple[bytes, str, ToolCall | None], other: tuple[bytes, str, ToolCall | None]
) -> None:
    assert (digest(*one) == digest(*other)) == (one == other)


def test_fields_do_not_run_together() -> None:
    cases = [
        (b"x", "tool", None),
        (b"x", "tool", ToolCall("", "")),
        (b"x", "tool", ToolCall("a", "b")),
        (b"x", "tool", ToolCall("ab", "")),
        (b"x", "tool", ToolCall("", "ab")),
        (b"1:x", "tool", None),
        (b"x", "user", None),
    ]
    assert all(digest(*one) != digest(*other) for one, other in combinations(cases, 2))
    assert len(digest(*cases[0])) == 32


def test_a_chain_names_every_output_and_its_place() -> None:
    one, other = digest(b"x", "tool", None), digest(b"y", "tool", None)
    first = chain_digest(b"", one, OutputPlace(1))
    chains = [
        first,
        chain_digest(b"", other, OutputPlace(1)),
        chain_digest(b"", one, OutputPlace(2)),
        chain_digest(b"", one, OutputPlace(1, 2)),
        chain_digest(first, one, OutputPlace(2)),
        chain_digest(first, other, OutputPlace(2)),
        one,
    ]
    assert len(set(chains)) == len(chains)
    assert chain_digest(b"", one, OutputPlace(1)) == first
