"""What runs in a planning process: surveys of large bodies, and decisions about parts.

Everything here is a function of its arguments; a process keeps only the classifier it has loaded. A planning process
must not outlive the gateway, and must not end before it: an interrupt from the terminal reaches the whole process group
and is ignored here, while the gateway drains; the gateway's own death, however sudden, ends the process.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
from dataclasses import dataclass
from functools import cache
from multiprocessing import connection, parent_process

from msgspec.structs import replace

from narrows.classifiers import load
from narrows.compressors.types import Classifier
from narrows.core.edits import Span
from narrows.core.tool_call import OutputPlace, ToolCall
from narrows.plan import FoldTask, Forwarded, PartOutcome, PartTask, Settled, condensed, decide_part, fold_parts
from narrows.policy import Policy
from narrows.wire.registry import wire_named
from narrows.wire.types import Located, Part, Role, Untouched

GARBAGE_FROM = 100_000
"""New objects between two looks for garbage: a survey makes millions, and none is garbage before it ends."""

_Output = tuple[int, int, bytes | None]
_Row = tuple[str, int, Role, tuple[int, int], tuple[str, str] | None, str | None, bytes | None, _Output | None]
"""A part in plain values."""


@dataclass(frozen=True, slots=True)
class Survey:
    """A located body, condensed. It travels as rows of plain values, because as objects a hundred thousand parts would
    take the gateway's process seconds to unpack."""

    located: Located
    settled: Settled

    def __reduce__(self) -> tuple[object, ...]:
        located = self.located
        return _survey, (tuple(map(_row, located.parts)), replace(located, parts=()), self.settled)


def survey(body: bytes, wire_name: str, policy: Policy) -> Survey | Untouched:
    """Find the parts of a body that takes too long to be read on the event loop."""
    located = wire_named(wire_name).locate(body, policy.scope)
    return located if isinstance(located, Untouched) else Survey(*condensed(located, policy))


def _row(part: Part) -> _Row:
    span, call = part.span, part.tool_call
    called = None if call is None else (call.name, call.arguments)
    output = None if part.output is None else (part.output.number, part.output.text, part.chain)
    place = span.start, span.stop
    return part.pointer, part.message_index, part.role, place, called, part.fault, part.digest, output


def _part(row: _Row) -> Part:
    pointer, message_index, role, place, called, fault, digest, output = row
    call = called and ToolCall(*called)
    where, chain = (OutputPlace(*output[:2]), output[2]) if output else (None, None)
    return Part(pointer, message_index, role, Span(*place), call, fault, digest, where, chain)


def _survey(rows: tuple[_Row, ...], located: Located, settled: Settled) -> Survey:
    return Survey(replace(located, parts=tuple(map(_part, rows))), settled)


def decide(tasks: tuple[PartTask, ...], classifier_name: str) -> tuple[PartOutcome, ...]:
    """The outcomes of parts, in their order."""
    classifier = _classifier(classifier_name)
    return tuple(decide_part(task, classifier) for task in tasks)


def fold(items: tuple[Forwarded | FoldTask, ...], classifier_name: str) -> tuple[tuple[PartOutcome, PartOutcome], ...]:
    """The outcomes of tool outputs after others, each alone and after those before it (`plan.fold_parts`)."""
    return tuple(fold_parts(items, _classifier(classifier_name)))


def start() -> None:
    """Prepare the process; nothing heavy is loaded before the first part that needs it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(GARBAGE_FROM)
    threading.Thread(target=_die_with_the_gateway, daemon=True).start()


@cache
def _classifier(name: str) -> Classifier | None:
    return load(name)


def _die_with_the_gateway() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
