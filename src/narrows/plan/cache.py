"""Outcomes, remembered by what they depend on."""

from __future__ import annotations

from sys import getsizeof

from narrows.compressors.types import Compressed
from narrows.core.lru import BoundedMemory
from narrows.core.tokens import Encoding, encoding_for_model
from narrows.plan.tasks import PartOutcome, context_of
from narrows.policy import Policy
from narrows.wire.reading import ReadingMemory

OUTCOME_BYTES = 400
"""What an outcome takes in memory beside its texts: three small objects and their numbers."""

CONTEXTS = 64
"""Policies and encodings in use at a time: a handful."""


class DecisionCache:
    """Outcomes by `part_key`, and what was read of conversations, bounded by bytes together. It belongs to one
    process and one thread; all it holds are results of pure functions."""

    def __init__(self, limit_bytes: int) -> None:
        self._outcomes: BoundedMemory[PartOutcome] = BoundedMemory(limit_bytes - limit_bytes // 4)
        self.readings = ReadingMemory(limit_bytes // 4)
        self._contexts: dict[tuple[Policy, Encoding], bytes] = {}
        self._last: tuple[Policy, Encoding, bytes] | None = None
        self._model: tuple[str | None, Encoding] | None = None
        self._smallest: tuple[Policy, int] | None = None
        self._minimum: tuple[Policy, str | None, int] | None = None
        self.get = self._outcomes.get
        """The remembered outcome of the task with a key, or None."""
        self.peek = self._outcomes.peek
        """The same, counted neither as a hit nor as a miss: for what is needed on the way to an outcome."""

    def context(self, policy: Policy, encoding: Encoding) -> bytes:
        """The part of a key that all parts of a body share."""
        last = self._last
        if last is not None and last[0] is policy and last[1] is encoding:  # to look it up, all of a policy is hashed
            return last[2]
        known = self._contexts.get((policy, encoding))
        if known is None:
            if len(self._contexts) >= CONTEXTS:
                self._contexts.clear()
            known = self._contexts[policy, encoding] = context_of(policy, encoding)
        self._last = policy, encoding, known
        return known

    def encoding(self, model: str | None) -> Encoding:
        """The encoding of a model; most requests in a row name the same one."""
        last = self._model
        if last is None or last[0] != model:
            last = self._model = model, encoding_for_model(model)
        return last[1]

    def smallest_min_bytes(self, policy: Policy) -> int:
        """The policy's, which costs as much to find as all the rest for a small part."""
        if self._smallest is None or self._smallest[0] is not policy:
            self._smallest = policy, policy.smallest_min_bytes
        return self._smallest[1]

    def cache_minimum_bytes(self, policy: Policy, model: str | None) -> int:
        """The policy's for a model, most requests in a row naming the same one."""
        last = self._minimum
        if last is None or last[0] is not policy or last[1] != model:
            last = self._minimum = policy, model, policy.cache_minimum_bytes(model)
        return last[2]

    def put(self, key: bytes, outcome: PartOutcome) -> None:
        """Remember an outcome."""
        result = outcome.decision.result
        held = result.text if isinstance(result, Compressed) else result.detail
        self._outcomes.put(key, outcome, getsizeof(held) + len(outcome.replacement or b"") + OUTCOME_BYTES)

    @property
    def hits(self) -> int:
        """How often `get` found an outcome."""
        return self._outcomes.hits

    @property
    def misses(self) -> int:
        """How often it did not."""
        return self._outcomes.misses

    @property
    def size_bytes(self) -> int:
        """About what is held."""
        return self._outcomes.size_bytes + self.readings.size_bytes

    def __len__(self) -> int:
        return len(self._outcomes)
