"""A wire whose observers fail at a chosen step; the rest of it works."""

from __future__ import annotations

from narrows.errors import GatewayError
from narrows.policy import Scope
from narrows.wire.failures import openai_error
from narrows.wire.types import Located, Refusal, ResponseObserver, ResponseRecord, Untouched

STEPS = ("observer", "receive_data", "receive_eof", "record")


class FaultyObserver:
    """Raises at the named step; before that it counts what it is given."""

    def __init__(self, step: str, error: Exception) -> None:
        self.step = step
        self.error = error
        self.received = 0

    def _at(self, step: str) -> None:
        if step == self.step:
            raise self.error

    def receive_data(self, data: bytes) -> None:
        self._at("receive_data")
        self.received += len(data)

    def receive_eof(self) -> None:
        self._at("receive_eof")

    def record(self) -> ResponseRecord:
        self._at("record")
        return ResponseRecord(chunks=self.received)


class FaultyWire:
    """`step` is one of STEPS, or anything else for an observer that only counts."""

    name = "faulty"

    def __init__(self, step: str, error: Exception | None = None) -> None:
        self.step = step
        self.error = error or ValueError("a fault")

    def matches(self, method: str, path: str) -> bool:
        return True

    def model_in(self, path: str) -> str | None:
        return None

    def locate(self, body: bytes, scope: Scope, memory: object = None, effort: object = None) -> Located | Untouched:
        return Untouched(Refusal.NOT_JSON)

    def observer(self, content_type: str, *, texts: bool = True) -> ResponseObserver:
        if self.step == "observer":
            raise self.error
        return FaultyObserver(self.step, self.error)

    def whole(self, body: bytes) -> ResponseRecord | None:
        if self.step == "observer":
            raise self.error
        return None

    def error_body(self, error: GatewayError) -> dict[str, object]:
        return openai_error(error)
