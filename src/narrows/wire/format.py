"""A wire made of its pieces: which paths are its own, how requests are read, answers observed, errors said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from narrows.core.effort import Effort
from narrows.errors import GatewayError
from narrows.policy import Scope
from narrows.wire.failures import ErrorBody
from narrows.wire.reading import ReadingMemory
from narrows.wire.types import Located, ResponseObserver, ResponseRecord, Untouched


class Locate(Protocol):
    """Finds the parts of a request body; as `Wire.locate`."""

    def __call__(
        self, body: bytes, scope: Scope, memory: ReadingMemory | None = None, effort: Effort | None = None
    ) -> Located | Untouched: ...


def _ask_an_observer(_: bytes) -> ResponseRecord | None:
    return None


def _name_none(_: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Format:
    """A `Wire`. Its requests are POSTs to paths that `takes` says are its own; `name_model` says which model a path
    names, where the bodies name none."""

    name: str
    takes: Callable[[str], bool]
    find: Locate
    observe: Callable[[str, bool], ResponseObserver]
    say: Callable[[GatewayError], ErrorBody]
    read_whole: Callable[[bytes], ResponseRecord | None] = _ask_an_observer
    name_model: Callable[[str], str | None] = _name_none

    def matches(self, method: str, path: str) -> bool:
        """As `Wire.matches`."""
        return method == "POST" and self.takes(path)

    def model_in(self, path: str) -> str | None:
        """As `Wire.model_in`."""
        return self.name_model(path)

    def locate(
        self, body: bytes, scope: Scope, memory: ReadingMemory | None = None, effort: Effort | None = None
    ) -> Located | Untouched:
        """As `Wire.locate`."""
        return self.find(body, scope, memory, effort)

    def observer(self, content_type: str, *, texts: bool = True) -> ResponseObserver:
        """As `Wire.observer`."""
        return self.observe(content_type, texts)

    def whole(self, body: bytes) -> ResponseRecord | None:
        """As `Wire.whole`."""
        return self.read_whole(body)

    def error_body(self, error: GatewayError) -> ErrorBody:
        """As `Wire.error_body`."""
        return self.say(error)


def ends_with(*ends: str) -> Callable[[str], bool]:
    """Paths with one of these ends, whatever stands before; a last slash does not count."""
    return lambda path: path.removesuffix("/").endswith(ends)
