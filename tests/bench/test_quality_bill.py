"""The simulated bill, held to sums that can be done by hand."""

from __future__ import annotations

import pytest

from bench.quality.bill import CONTRACTS, Block, Contract, Match, cost, shared_blocks

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
