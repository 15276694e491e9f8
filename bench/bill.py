"""What a conversation's input costs under three rules of shortening: a simulation, printed by `make bench-bill`.

One agent: fixed instructions and tools, and on every turn an answer of the model and a tool output, all sent again on
the next turn. What two consecutive requests share from the start is read at the cached price, the rest is written.
`any prefix`: the provider reads back any common prefix. `breakpoints`: only one that ends where the instructions or an
earlier request ended. Costs are relative to sending everything in full. Nothing here is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

Message = tuple[int, int]
"""An identity, and the tokens under which it was forwarded: another size is another text."""


@dataclass(frozen=True)
class Agent:
    """Tokens, and the share of a tool output that is removed."""

    fixed: int = 15_000
    answer: int = 300
    output: int = 2_000
    turns: int = 60
    removed: float = 0.6

    def request(self, turn: int, shortened: Callable[[int], bool]) -> list[Message]:
        """The messages of a turn; `shortened` is one of `RULES`."""
        messages = [(-1, self.fixed)]
        for past in range(turn + 1):
            share = 1 - self.removed if shortened(turn - past) else 1.0
            messages += [(2 * past, self.answer), (2 * past + 1, round(self.output * share))]
        return messages


def cost(requests: list[list[Message]], read: float, write: float, *, breakpoints: bool) -> float:
    """The sum over all requests, in full-price tokens."""
    total = write * sum(size for _, size in requests[0])
    for before, now in pairwise(requests):
        shared = 0
        while shared < len(before) and before[shared] == now[shared]:
            shared += 1
        if breakpoints and shared < len(before):
            shared = 1
        total += read * sum(size for _, size in now[:shared]) + write * sum(size for _, size in now[shared:])
    return total


RULES: dict[str, Callable[[int], bool]] = {
    "nothing shortened": lambda age: age < 0,
    "decided once, replayed": lambda age: age >= 0,
    "only the latest": lambda age: age == 0,
    "when 8 turns old": lambda age: age >= 8,
}
"""Whether a tool output goes out shortened when it is so many turns old."""


def main() -> None:
    """Print the table."""
    agent = Agent()
    print(f"{'rule':24}{'any prefix':>12}{'breakpoints':>13}   (cached reads at 0.1, writes at 1.25)")
    requests = {name: [agent.request(turn, rule) for turn in range(agent.turns)] for name, rule in RULES.items()}
    for name, sent in requests.items():
        shares = [
            cost(sent, 0.1, 1.25, breakpoints=breakpoints)
            / cost(requests["nothing shortened"], 0.1, 1.25, breakpoints=breakpoints)
            for breakpoints in (False, True)
        ]
        print(f"{name:24}{shares[0]:12.0%}{shares[1]:13.0%}")


if __name__ == "__main__":
    main()
