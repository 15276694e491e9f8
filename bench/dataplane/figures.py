"""From samples to figures, ratios and verdicts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from statistics import median
from typing import TypeVar

T = TypeVar("T")
REFERENCE = "nginx"
SUBJECT = "narrows"


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least `share` of the samples do not exceed (nearest rank).

    Raises:
        ValueError: there are no samples, or `share` is not within (0, 1].
    """
    if not samples or not 0 < share <= 1:
        raise ValueError("a percentile needs samples, and a share within (0, 1]")
    return sorted(samples)[ceil(share * len(samples)) - 1]


class Measure(StrEnum):
    """What of a figure a target speaks of."""

    RATIO = "ratio"
    """Ours over nginx's, the median over the rounds."""
    VALUE = "value"
    """Ours alone."""
    EXCESS = "excess"
    """Ours minus nginx's, the median over the rounds."""


@dataclass(frozen=True)
class Target:
    """A bound of a figure: at most `limit`, or at least."""

    measure: Measure
    limit: float
    at_least: bool = False

    def met_by(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        match self.measure:
            case Measure.RATIO:
                return f"{sign} {self.limit:g} x nginx"
            case Measure.VALUE:
                return f"{sign} {self.limit:g}"
            case Measure.EXCESS:
                return f"{sign} nginx + {self.limit:g}"


@dataclass(frozen=True)
class Figure:
    """One row: a sample of each proxy from each round, in `unit`. `note` says what limits its meaning."""

    group: str
    name: str
    unit: str
    samples: Mapping[str, Sequence[float]]
    target: Target | None = None
    note: str = ""
    detail: Mapping[str, float] = field(default_factory=dict)

    def value(self, proxy: str) -> float | None:
        """The median of a proxy's samples; None where it was not measured."""
        samples = self.samples.get(proxy)
        return median(samples) if samples else None

    def ratio(self, proxy: str = SUBJECT) -> float | None:
        """The median of a proxy's ratios to nginx; None where one of the two was not measured, or nginx's is 0."""
        ratios = self.ratios(proxy)
        return median(ratios) if ratios else None

    def ratios(self, proxy: str = SUBJECT) -> list[float]:
        """A proxy's ratio to nginx in each round; none where one of the two was not measured, or nginx's is 0."""
        pairs = self._pairs(proxy)
        return [a / b for a, b in pairs] if all(b for _, b in pairs) else []

    def excess(self, proxy: str = SUBJECT) -> float | None:
        """The median of a proxy's differences to nginx; None where one of the two was not measured."""
        pairs = self._pairs(proxy)
        return median(a - b for a, b in pairs) if pairs else None

    def judged(self) -> float | None:
        """What the target is compared with."""
        if self.target is None:
            return None
        match self.target.measure:
            case Measure.RATIO:
                return self.ratio()
            case Measure.VALUE:
                return self.value(SUBJECT)
            case Measure.EXCESS:
                return self.excess()

    def met(self) -> bool | None:
        """Whether the target is met; None where there is none, or it could not be judged."""
        judged = self.judged()
        return None if judged is None or self.target is None else self.target.met_by(judged)

    def _pairs(self, proxy: str) -> list[tuple[float, float]]:
        own, others = self.samples.get(proxy, ()), self.samples.get(REFERENCE, ())
        return list(zip(own, others, strict=False))


def turned(names: Sequence[T], by: int) -> list[T]:
    """`names` in the order of round `by`: everyone gets to be first, and to run after everyone."""
    at = by % len(names)
    return [*names[at:], *names[:at]]
