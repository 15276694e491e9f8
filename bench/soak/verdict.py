"""What a soak has found, and whether that is well. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from statistics import median

from bench.soak.gateway import Sample

CANCEL_LIMIT_S = 0.05
"""What a cancel may take at the 99th percentile, beside what the machine takes: between a client that leaves and an
upstream that sees it, two processes have to be woken, the gateway's and the load's, and one without a gateway."""
MEMORY_MORE = 1.05
"""What the last third may hold over the second: a share, to which the allocator's steps add `MEMORY_STEP`."""
MEMORY_STEP = 2 << 20
COUNT_MORE = 1.1
COUNT_STEP = 4.0


@dataclass(slots=True)
class Tally:
    """What clients and upstream saw. `outcomes` by the gateway's own names, as the clients saw them end; `cancels_s`:
    from a client's leaving until the upstream saw its connection end; `direct_s`: the same without a gateway between
    them, which is what the load itself, and the machine, add to it."""

    faults: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    cancels_s: list[float] = field(default_factory=list)
    direct_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    body_bytes: int = 0
    turns: int = 0
    shortened: int = 0
    conversations: int = 0
    resent: int = 0


@dataclass(frozen=True, slots=True)
class Level:
    """The medians of a figure in the second and the last third of a run, and the most that the last may be."""

    second: float
    last: float
    limit: float

    @property
    def flat(self) -> bool:
        return self.last <= self.limit


def level(samples: Sequence[Sample], figure: Callable[[Sample], float], more: float, step: float) -> Level:
    """Compare the last third with the second. The first is not looked at: there memories fill."""
    third = max(1, len(samples) // 3)
    second = median(figure(sample) for sample in samples[third : 2 * third] or samples)
    last = median(figure(sample) for sample in samples[2 * third :] or samples)
    return Level(second, last, second * more + step)


def levels(samples: Sequence[Sample]) -> dict[str, Level]:
    """Memory, descriptors and tasks."""
    return {
        "resident bytes": level(samples, lambda one: one.rss, MEMORY_MORE, MEMORY_STEP),
        "descriptors": level(samples, lambda one: one.descriptors, COUNT_MORE, COUNT_STEP),
        "asyncio tasks": level(samples, lambda one: one.tasks, COUNT_MORE, COUNT_STEP),
    }


def at_share(values: Sequence[float], share: float) -> float | None:
    """The value that at least `share` of the values do not exceed; None where there are none."""
    return sorted(values)[ceil(share * len(values)) - 1] if values else None


def problems(
    tally: Tally, found: Mapping[str, Level], counted: Mapping[str, float], held: Mapping[str, float]
) -> list[str]:
    """Everything that is not as it was promised: `counted` are the gateway's own outcomes, `held` what it says it
    holds when everybody has gone."""
    said = list(tally.wrong)
    said += [
        f"{name} are not flat: {one.second:.0f}, then {one.last:.0f}" for name, one in found.items() if not one.flat
    ]
    slow, direct = at_share(tally.cancels_s, 0.99) or 0.0, at_share(tally.direct_s, 0.99) or 0.0
    if slow - 2 * direct > CANCEL_LIMIT_S:
        said.append(f"a cancel took {slow * 1000:.1f} ms (p99), and without a gateway {direct * 1000:.1f} ms")
    for outcome in sorted({*tally.outcomes, *counted}):
        if tally.outcomes[outcome] != counted.get(outcome, 0):
            said.append(
                f"{counted.get(outcome, 0):.0f} {outcome} are recorded, and there were {tally.outcomes[outcome]}"
            )
    said += [f"{name} is {value:.0f} at the end" for name, value in held.items() if value]
    return said
