"""When parts begin to be shortened, and what it costs, on conversations that can be reckoned by hand."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.quality.beginnings import TOKENS, Item, Talk, densities, outcome, said, tables, talk_of, waiting
from bench.quality.bill import CONTRACTS, Block, Contract, Match
from bench.quality.conversations import Conversation
from bench.quality.vocabularies import Vocabulary

FREE = Contract("free writes", Match.PREFIX, minimum=4096, read=0.1)
WORDS = Vocabulary("words", lambda text: len(text.split()))


def talk(*sizes: tuple[int, int], bytes_per_token: int = 4) -> Talk:
    """Items of so many tokens, as they came and short, each in a request of its own."""
    items = tuple(
        Item(
            Block(f"{number}", whole),
            Block(f"{number} short", short),
            whole * bytes_per_token,
            short * bytes_per_token,
        )
        for number, (whole, short) in enumerate(sizes)
    )
    return Talk(items, tuple(range(1, len(items) + 1)))


def test_an_item_waits_until_the_prompt_with_it_short_says_enough() -> None:
    found = talk((100, 100), (100, 10), (100, 50), (100, 10))
    assert waiting(found, 250, 4) == waiting(found, 250, None) == [False, False, True, True]
    assert waiting(found, 251, 4) == waiting(found, 251, None) == [False, False, False, True]
    assert waiting(found, 250, 1.7) == [False, True, True, True]
    assert waiting(found, 0, 4) == [True] * 4


def test_too_late_saves_less_and_too_early_costs_more() -> None:
    growing = [talk(*[(1000, 500)] * 20)]
    exact, late = outcome(growing, FREE, 4), outcome(growing, FREE, 6)
    assert exact.bill < late.bill < 1
    assert (exact.above, late.above) == (0, 0)
    quiet = [talk((2400, 2400), (200, 40), *[(1, 1)] * 30)]
    assert [outcome(quiet, FREE, each).above for each in (4, 3.8)] == [0, 1], "of 2,500 tokens; none reaches the others"


def test_a_conversation_above_1_counts_from_two_minima_on() -> None:
    quiet = [(1, 1)] * 30
    short, long = (talk((2400, 2400), (200, 40), *quiet, (last, last)) for last in (10, 9000))
    early = outcome([short, long], FREE, 1)
    assert early.above == 2
    assert early.above_that_count == 1


@given(
    st.lists(st.tuples(st.integers(1, 4000), st.floats(0, 1)), min_size=1, max_size=12),
    st.sampled_from([one for one in CONTRACTS if one.minimum > 1024]),
)
def test_counted_exactly_no_conversation_costs_more(sizes: list[tuple[int, float]], contract: Contract) -> None:
    found = talk(*((tokens, int(tokens * share)) for tokens, share in sizes))
    assert outcome([found], contract, 4) == outcome([found], contract, None)
    assert outcome([found], contract, 4).above == 0


def test_bytes_a_token_are_those_where_the_prompt_reaches_the_size() -> None:
    dense, thin = talk((10, 10), (10, 10), bytes_per_token=3), talk((20, 10), bytes_per_token=5)
    assert densities([thin, dense], 20) == [3, 5]
    assert densities([dense], 21) == []


def test_a_conversation_is_taken_with_its_tools_and_both_its_forms() -> None:
    messages = [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": "well"},
        {"role": "tool", "content": "a b c d"},
        {"role": "assistant", "content": "done"},
    ]
    tools = [{"type": "function", "function": {"name": "find"}}]
    one = Conversation("made", "one", messages, tools, frozenset({2}), ())
    short = [*messages[:2], {"role": "tool", "content": "a"}]
    found = talk_of(one, short, WORDS)
    assert found.counts == (2, 4)
    assert [item.whole_bytes for item in found.items] == [said(value) for value in (tools, *messages[:3])]
    assert found.items[3].whole.tokens - found.items[3].short.tokens == 3
    assert found.items[3].whole_bytes - found.items[3].short_bytes == len(" b c d")
    assert said({"a": "b c"}) == said(json.loads('{"\\u0061": "b c"}'))


def test_the_tables_say_the_mean_over_the_minima() -> None:
    lines = list(tables(FREE, {"made": [talk(*[(3000, 1000)] * 6)]}))
    assert "free writes" in lines[0]
    assert any("at 4,096 tokens, made: 4.00, median 4.00" in line for line in lines)
    (row,) = [line for line in lines if line.strip().startswith("4.0 ")]
    assert float(row.split()[1]) == pytest.approx(outcome([talk(*[(3000, 1000)] * 6)], FREE, 4.0).bill, abs=1e-4)
    assert len(TOKENS) == 14
