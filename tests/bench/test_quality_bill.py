"""The simulated bill, held to sums that can be done by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.quality.bill import CONTRACTS, Block, Contract, Match, cost, least, shared_blocks, shortest

PREFIX = Contract("prefix", Match.PREFIX, minimum=0, read=0.1)
BREAKPOINTS = Contract("breakpoints", Match.BREAKPOINTS, minimum=0, read=0.1, write=1.25)
SYSTEM = Block("system", 1000, fixed=True)


def block(name: str, tokens: int) -> Block:
    return Block(name, tokens)


def growing(*blocks: Block) -> list[list[Block]]:
    """Requests that append a block each."""
    return [[SYSTEM, *blocks[: count + 1]] for count in range(len(blocks))]


def test_what_two_requests_share_ends_at_the_first_difference() -> None:
    before, now = [SYSTEM, block("a", 1), block("b", 1)], [SYSTEM, block("x", 1), block("b", 1)]
    assert shared_blocks(before, now) == 1
    assert shared_blocks(before, before) == 3
    assert shared_blocks([], now) == 0


def test_a_prefix_is_read_back_and_the_rest_is_fresh() -> None:
    requests = growing(block("a", 200), block("b", 300))
    assert cost(requests, PREFIX) == pytest.approx(1200 + 0.1 * 1200 + 300)


def test_a_prefix_is_read_in_whole_steps() -> None:
    contract = Contract("steps", Match.PREFIX, minimum=1024, read=0.1, step=128)
    requests = growing(block("a", 200), block("b", 300))
    assert cost(requests, contract) == pytest.approx(1200 + 0.1 * 1152 + 348)


def test_under_the_minimum_nothing_is_read() -> None:
    contract = Contract("large", Match.PREFIX, minimum=2048, read=0.1)
    assert cost(growing(block("a", 200), block("b", 300)), contract) == pytest.approx(1200 + 1500)


def test_a_changed_block_is_fresh_with_all_behind_it() -> None:
    requests = [[SYSTEM, block("a", 50), block("b", 100)], [SYSTEM, block("A", 100), block("b", 100), block("c", 10)]]
    assert cost(requests, PREFIX) == pytest.approx(1150 + 0.1 * 1000 + 210)


def test_breakpoints_write_what_is_new_and_read_what_was_written() -> None:
    requests = growing(block("a", 200), block("b", 300))
    assert cost(requests, BREAKPOINTS) == pytest.approx(1.25 * 1200 + 0.1 * 1200 + 1.25 * 300)


def test_between_breakpoints_there_is_nothing_to_read() -> None:
    """Only a whole earlier request can be read: with its newest block changed, all is written again."""
    requests = [[SYSTEM, block("a", 200)], [SYSTEM, block("A", 100), block("b", 300)]]
    assert cost(requests, BREAKPOINTS) == pytest.approx(1.25 * 1200 + 1.25 * 1400)


def test_a_breakpoint_after_the_instructions_saves_them() -> None:
    contract = Contract("with a breakpoint", Match.BREAKPOINTS, minimum=0, read=0.1, write=1.25, lookback=20)
    requests = [[SYSTEM, block("a", 200)], [SYSTEM, block("A", 100), block("b", 300)]]
    assert cost(requests, contract) == pytest.approx(1.25 * 1200 + 0.1 * 1000 + 1.25 * 400)


def test_an_entry_out_of_sight_is_not_found() -> None:
    contract = Contract("short sight", Match.BREAKPOINTS, minimum=0, read=0.1, write=1.25, lookback=2)
    first = [Block("tools", 10), block("a", 100)]
    later = [*first, *(block(f"new {i}", 10) for i in range(2))]
    far = [*first, *(block(f"new {i}", 10) for i in range(3))]
    assert cost([first, later], contract) == pytest.approx(1.25 * 110 + 0.1 * 110 + 1.25 * 20)
    assert cost([first, far], contract) == pytest.approx(1.25 * 110 + 1.25 * 140)


def test_under_the_minimum_nothing_is_written() -> None:
    contract = Contract("large", Match.BREAKPOINTS, minimum=1300, read=0.1, write=1.25)
    requests = growing(block("a", 200), block("b", 300), block("c", 100))
    assert cost(requests, contract) == pytest.approx(1200 + 1.25 * 1500 + 0.1 * 1500 + 1.25 * 100)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_the_same_requests_cost_the_same_and_shorter_histories_never_more(contract: Contract) -> None:
    long = growing(*(block(f"m{i}", 8192) for i in range(12)))
    short = growing(*(block(f"s{i}", 4096) for i in range(12)))
    assert cost(long, contract) == cost(list(long), contract)
    assert cost(short, contract) < cost(long, contract)


FREE = Contract("free writes", Match.PREFIX, minimum=2048, read=0.1)
PAID = Contract("paid writes", Match.BREAKPOINTS, minimum=2048, read=0.1, write=1.25, lookback=20)


def test_the_least_is_cached_as_early_as_without_shortening_and_as_short_as_possible() -> None:
    original = growing(block("a", 600), block("b", 900), block("c", 300))
    shortened = growing(block("A", 200), block("B", 400), block("C", 100))
    assert cost(original, FREE) == pytest.approx(1600 + 2500 + 0.1 * 2500 + 300)
    assert cost(shortened, FREE) == pytest.approx(1200 + 1600 + 1700)
    assert least(original, shortened, FREE) == pytest.approx(1200 + 1600 + 0.1 * 1600 + 100)


def test_what_is_written_and_not_read_again_is_not_cached_at_the_least() -> None:
    original, shortened = growing(block("a", 600), block("b", 900)), growing(block("A", 200), block("B", 400))
    assert cost(original, PAID) == pytest.approx(1600 + 1.25 * 2500)
    assert least(original, shortened, PAID) == pytest.approx(1200 + 1600)
    original.append([*original[-1], block("c", 300)])
    shortened.append([*shortened[-1], block("C", 100)])
    assert least(original, shortened, PAID) == pytest.approx(1200 + 1.25 * 1600 + 0.1 * 1600 + 1.25 * 100)


def test_what_reaches_the_minimum_however_short_is_written() -> None:
    """As under a contract without one, from the request on that does."""
    original = growing(block("a", 3000), block("b", 900))
    assert least(original, original, PAID) == pytest.approx(cost(original, PAID))
    shortened = growing(block("A", 1500), block("B", 100))
    assert least(original, shortened, PAID) == pytest.approx(1.25 * 2500 + 0.1 * 2500 + 1.25 * 100)


def test_under_the_minimum_the_least_is_all_of_what_is_short() -> None:
    original, shortened = growing(block("a", 600), block("b", 100)), growing(block("A", 200), block("B", 40))
    assert least(original, shortened, FREE) == least(original, shortened, PAID) == pytest.approx(1200 + 1240)


def test_of_every_block_the_shortest_form_is_taken() -> None:
    long, short, other = (
        growing(block("a", 600), block("b", 50)),
        growing(block("A", 200), block("B", 70)),
        growing(block("a", 600), block("x", 40)),
    )
    assert shortest(long, short, other) == growing(block("A", 200), block("x", 40))


@given(
    st.lists(st.tuples(st.integers(1, 2000), st.floats(0, 1), st.booleans()), min_size=1, max_size=8),
    st.lists(st.integers(1, 3), min_size=8, max_size=8),
    st.integers(0, 4000),
    st.sampled_from([one for one in (*CONTRACTS, FREE, PAID) if one.minimum > 1024]),
)
def test_whichever_parts_are_shortened_it_never_costs_less_than_the_least(
    parts: list[tuple[int, float, bool]], steps: list[int], instructions: int, contract: Contract
) -> None:
    def requests(forms: list[Block]) -> list[list[Block]]:
        cuts = [sum(steps[:count]) for count in range(1, len(steps) + 1)]
        return [[Block("system", instructions, fixed=True), *forms[:cut]] for cut in cuts]

    whole = [block(f"{number}", tokens) for number, (tokens, _, _) in enumerate(parts)]
    short = [block(f"{number} short", int(tokens * kept)) for number, (tokens, kept, _) in enumerate(parts)]
    chosen = [one if taken else other for one, other, (_, _, taken) in zip(short, whole, parts, strict=True)]
    bound = least(requests(whole), shortest(requests(whole), requests(short)), contract)
    for forms in (whole, short, chosen):
        assert bound <= cost(requests(forms), contract) + 1e-6
