"""A memory of results, bounded by bytes: what was used longest ago is forgotten first.

It holds results of pure functions only, under keys that name everything they depend on, so forgetting one costs time
and never changes an answer.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

Value = TypeVar("Value")

ENTRY_BYTES = 200
"""What an entry costs beside its key and value: a dictionary slot, two links, object headers."""


class BoundedMemory(Generic[Value]):
    """Values by key. `size_bytes` is what is held, never more than `limit_bytes`; `hits` and `misses` count `get`."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.size_bytes = 0
        self.hits = 0
        self.misses = 0
        self._entries: OrderedDict[bytes, tuple[Value, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> Value | None:
        """The value, which becomes the most recently used; None where it is not held."""
        entry = self._entries.get(key)
        if entry is None:
            self.misses += 1
            return None
        self.hits += 1
        self._entries.move_to_end(key)
        return entry[0]

    def peek(self, key: bytes) -> Value | None:
        """As `get`, without counting."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: bytes, value: Value, size_bytes: int) -> None:
        """Hold a value that takes `size_bytes`; one larger than the whole memory is not held."""
        self.forget(key)
        cost = size_bytes + len(key) + ENTRY_BYTES
        if cost > self.limit_bytes:
            return
        self._entries[key] = (value, cost)
        self.size_bytes += cost
        while self.size_bytes > self.limit_bytes:
            self.forget(next(iter(self._entries)))

    def forget(self, key: bytes) -> None:
        """Drop a value, where it is held."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.size_bytes -= entry[1]
