"""The last exchanges, in memory, for `/narrows/exchanges`; bounded by number, and each record by its shape."""

from __future__ import annotations

from collections import deque

import msgspec

from narrows.records.types import ExchangeRecord

DEFAULT_CAPACITY = 512

_ENCODER = msgspec.json.Encoder()


class ExchangeRing:
    """Keeps the newest `capacity` records; the oldest leave. `appended` counts all there were."""

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        if capacity < 1:
            raise ValueError(f"a ring holds at least one record, not {capacity}")
        self._records: deque[ExchangeRecord] = deque(maxlen=capacity)
        self.appended = 0

    def append(self, record: ExchangeRecord) -> None:
        self.appended += 1
        self._records.append(record)

    def __len__(self) -> int:
        return len(self._records)

    def newest(self, limit: int | None = None) -> tuple[ExchangeRecord, ...]:
        """The records, newest first; at most `limit`."""
        records = tuple(reversed(self._records))
        return records if limit is None else records[: max(limit, 0)]

    def to_json(self, limit: int | None = None) -> bytes:
        """`{"appended": n, "exchanges": [...]}`, newest first."""
        return _ENCODER.encode({"appended": self.appended, "exchanges": self.newest(limit)})
