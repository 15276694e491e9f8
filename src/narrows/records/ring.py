"""The last exchanges, in memory, for `/narrows/exchanges`; bounded by number, and each record by its shape.

They are held as they are written, in JSON: a record of a dozen objects, let go of when five hundred others have come
after it, would be the coldest memory that an exchange touches, and cost more than to make it. What is written is the
log's line as well, and so made once.
"""

from __future__ import annotations

from collections import deque

import msgspec

from narrows.records.types import ExchangeRecord

DEFAULT_CAPACITY = 512

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(ExchangeRecord)


def written(record: ExchangeRecord) -> bytes:
    """A record as it is held, and logged: a JSON object."""
    return _ENCODER.encode(record)


class ExchangeRing:
    """Keeps the newest `capacity` records; the oldest leave. `appended` counts all there were."""

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        if capacity < 1:
            raise ValueError(f"a ring holds at least one record, not {capacity}")
        self._records: deque[bytes] = deque(maxlen=capacity)
        self.appended = 0

    def append(self, record: bytes) -> None:
        """Hold a record that is `written`."""
        self.appended += 1
        self._records.append(record)

    def __len__(self) -> int:
        return len(self._records)

    def newest(self, limit: int | None = None) -> tuple[ExchangeRecord, ...]:
        """The records, newest first; at most `limit`."""
        return tuple(map(_DECODER.decode, self._newest(limit)))

    def to_json(self, limit: int | None = None) -> bytes:
        """`{"appended": n, "exchanges": [...]}`, newest first."""
        return b'{"appended":%d,"exchanges":[%b]}' % (self.appended, b",".join(self._newest(limit)))

    def _newest(self, limit: int | None) -> list[bytes]:
        records = list(reversed(self._records))
        return records if limit is None else records[: max(limit, 0)]
